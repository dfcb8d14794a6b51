"""Meshes with questions about authorization: workloads, Services, who calls what, and over what."""

from __future__ import annotations

import random
from typing import NamedTuple

from conformance.oracle.access_policies import add_policies
from conformance.oracle.access_requests import random_request
from conformance.oracle.access_values import Vocabulary
from meshgate.model import JSONObject

_APPS = ("cart", "card", "art", "ledger", "pay", "mail")
_PLACES = ("shop", "shop-eu", "eu", "bank", "ops")
_PORTS = (8080, 8443, 9000, 3306, 7000, 15)
# What a Service port is called, or declares, and whether its server speaks HTTP.
_DECLARED: tuple[tuple[str, str, bool], ...] = (
    ("http", "", True),
    ("http-api", "", True),
    ("http2", "", True),
    ("grpc-in", "", True),
    ("x", "http", True),
    ("x", "kubernetes.io/h2c", True),
    ("tcp", "", False),
    ("tcp-raw", "http", True),
    ("http-old", "tcp", False),
    ("mysql", "", False),
    ("https", "", False),
    ("tls-in", "", False),
    ("api", "", True),
    ("metrics", "", False),
)
_REQUESTS = 30
OPT_OUT = {"sidecar": "sidecar.istio.io/inject", "ambient": "istio.io/dataplane-mode"}


class _Way(NamedTuple):
    """How a container port is reached: by a Service, or by the pod's address (no `host`)."""

    server: JSONObject
    port: int
    host: str = ""
    number: int = 0


class AccessMesh:
    """A mesh under construction; `case` is its line in a file of cases."""

    def __init__(self, rng: random.Random, *, ambient: bool) -> None:
        self.rng = rng
        self.ambient = ambient
        root = rng.choice(("istio-system", "istio-system", "mesh-root"))
        domain = rng.choice(("cluster.local", "cluster.local", "td.example", "eu.td.example"))
        # Whether tokens of an issuer have a claim that is split at spaces.
        self.splits: dict[str, bool] = {}
        self.facts: JSONObject = {
            "rootNamespace": root,
            "clusterDomain": rng.choice(("cluster.local", "cluster.local", "k8s.corp")),
            "trustDomain": domain,
            "revision": "default",
        }
        if ambient:
            self.facts["dataPlane"] = "ambient"
        if rng.random() < 0.4:
            self.facts["trustDomainAliases"] = rng.sample(
                ("old.example", "td-2", "*.td.example", "td.*"), rng.choice((1, 1, 2))
            )
        if not ambient and rng.random() < 0.5:
            self.facts["pathNormalization"] = rng.choice(
                ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
            )
        self.root = root
        self.namespaces = [root, *rng.sample(_PLACES, rng.choice((2, 3)))]
        self.resources: list[JSONObject] = []
        self.workloads: list[JSONObject] = []
        # The ways by Service.
        self.services: list[_Way] = []
        self.speaks: dict[tuple[str, int], bool] = {}
        self._stamps = 0

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    def add(
        self,
        version: str,
        kind: str,
        namespace: str,
        name: str,
        spec: JSONObject | None,
        **metadata: JSONObject,
    ) -> JSONObject:
        """A new object of its own second of creation."""
        self._stamps += 1
        minute, second = divmod(self._stamps, 60)
        made: JSONObject = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "creationTimestamp": f"2024-03-01T10:{minute:02}:{second:02}Z",
                **metadata,
            },
        }
        if spec is not None:
            made["spec"] = spec
        self.resources.append(made)
        return made

    def fill(self) -> None:
        """Workloads with Services before them; one client at least has no proxy."""
        for place in self.namespaces:
            for app in self.rng.sample(_APPS, self.rng.choice((1, 2, 2))):
                self._add_app(place, app)
        plane = "ambient" if self.ambient else "sidecar"
        for index, each in enumerate(self.workloads):
            is_last = index == len(self.workloads) - 1
            each["mode"] = "none" if is_last or (index and self.chance(0.2)) else plane
            if each["mode"] == "none":
                # Its namespace is in the mesh where another workload there is.
                each["labels"] |= {OPT_OUT[plane]: "none" if self.ambient else "false"}

    def _add_app(self, place: str, app: str) -> None:
        rng = self.rng
        number = len(self.workloads) + 1
        labels = {"app": app, "version": rng.choice(("v1", "v2"))}
        if self.chance(0.4):
            labels["tier"] = rng.choice(("front", "back"))
        account = rng.choice(("default", app, f"sa-{app}", "art"))
        ports = rng.sample(_PORTS, rng.choice((1, 2, 3)))
        found: JSONObject = {
            "namespace": place,
            "name": app,
            "kind": "Pod",
            "serviceAccount": account,
            "ip": f"10.{rng.choice((7, 8))}.{number}.{rng.choice((4, 5, 200))}",
            "labels": labels,
            "ports": [{"name": f"p{port}", "port": port} for port in ports],
        }
        if not self.ambient and self.chance(0.1):
            aliases = [each for each in self.facts.get("trustDomainAliases", ()) if "*" not in each]
            found["trustDomain"] = rng.choice(("stranger.example", *aliases))
        self.workloads.append(found)
        containers = [
            {"name": f"p{port}", "containerPort": port, "protocol": "TCP"} for port in ports
        ]
        self.add(
            "v1",
            "Pod",
            place,
            app,
            {
                "serviceAccountName": account,
                "containers": [{"name": "app", "image": "app", "ports": containers}],
            },
            labels=labels,
        )
        self._add_services(found, ports)

    def _add_services(self, workload: JSONObject, ports: list[int]) -> None:
        for port in ports:
            self.speaks[workload["ip"], port] = self.chance(0.5)
        # A port in ten is of no Service; now and then a second Service says something else.
        shown = [port for port in ports if self.chance(0.9)]
        if shown:
            self._add_service(workload, workload["name"], shown)
        if shown and self.chance(0.12):
            self._add_service(workload, f"{workload['name']}-too", shown[:1])

    def _add_service(self, workload: JSONObject, name: str, ports: list[int]) -> None:
        place = workload["namespace"]
        numbers = self.rng.sample((80, 81, 443, 8080, 9000, 3306), len(ports))
        spec: list[JSONObject] = []
        for index, (port, number) in enumerate(zip(ports, numbers, strict=True)):
            called, protocol, is_http = self.rng.choice(_DECLARED)
            entry: JSONObject = {"name": called, "port": number, "targetPort": port}
            if called in {each["name"] for each in spec}:
                entry["name"] = f"{called}-{index}"
            if protocol:
                entry["appProtocol"] = protocol
            spec.append(entry)
            if called not in {"api", "metrics"}:
                self.speaks.setdefault((workload["ip"], port), is_http)
                self.speaks[workload["ip"], port] = is_http
            host = f"{name}.{place}.svc.{self.facts['clusterDomain']}"
            self.services.append(_Way(workload, port, host, number))
        cluster_ip = f"10.96.1.{len(self.services)}"
        self.add(
            "v1",
            "Service",
            place,
            name,
            {
                "selector": {"app": workload["labels"]["app"]},
                "ports": spec,
                "clusterIP": cluster_ip,
            },
        )

    def asks(self, requests: int) -> list[JSONObject]:
        """Calls by Service and by pod address, of clients with a proxy and without."""
        found: list[JSONObject] = []
        # What has no proxy lets everything in.
        judging = [each for each in self.workloads if each["mode"] != "none"]
        services = [way for way in self.services if way.server["mode"] != "none"]
        clients = self.rng.sample(self.workloads, min(4, len(self.workloads)))
        for client in clients:
            ways = self.rng.sample(services, min(5, len(services)))
            for server in self.rng.sample(judging, min(2, len(judging))):
                port = self.rng.choice([*(each["port"] for each in server["ports"]), 7777])
                ways.append(_Way(server, port))
            found += [self._ask(client, way, requests) for way in ways if way.server is not client]
        return found

    def _ask(self, client: JSONObject, way: _Way, requests: int) -> JSONObject:
        server = way.server
        is_http = self.speaks.get((server["ip"], way.port), self.chance(0.5))
        if self.chance(0.12):
            is_http = not is_http
        ask: JSONObject = {
            "client": {"namespace": client["namespace"], "name": client["name"]},
            "server": {"namespace": server["namespace"], "name": server["name"]},
            "port": way.port,
            "protocol": "http" if is_http else "tcp",
        }
        if way.host:
            ask |= {"host": way.host, "servicePort": way.number}
        if is_http:
            ask["requests"] = sorted(self.rng.sample(range(requests), 8))
        return ask

    def case(self, name: str, seed: int) -> JSONObject:
        """The finished mesh in the form of the committed cases, without expectations."""
        hosts = [way.host for way in self.services]
        requests = [random_request(self.rng, self.workloads, hosts) for _ in range(_REQUESTS)]
        resources = [
            *self.resources,
            *(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
                for place in self.namespaces
            ),
        ]
        self.rng.shuffle(resources)
        return {
            "id": name,
            "seed": seed,
            "mesh": self.facts,
            "resources": resources,
            "workloads": self.workloads,
            "requests": requests,
            "asks": self.asks(len(requests)),
        }


def _made(rng: random.Random, *, ambient: bool) -> AccessMesh:
    mesh = AccessMesh(rng, ambient=ambient)
    mesh.fill()
    add_policies(mesh, Vocabulary.of(mesh.workloads, mesh.namespaces, mesh.facts))
    return mesh


def authorization(rng: random.Random) -> AccessMesh:
    """Policies at sidecars."""
    return _made(rng, ambient=False)


def ztunnel(rng: random.Random) -> AccessMesh:
    """Policies at ztunnel."""
    return _made(rng, ambient=True)
