"""The whole lab inside the sandbox: API server, istiod, pods with applications and sidecars."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e import apiserver, istiod, network, objects, sandbox, sidecars
from e2e.apiserver import Cluster
from e2e.apps import App
from e2e.istiod import Istiod
from e2e.network import GATEWAY, Pod, entering, run_or_raise
from e2e.objects import Service
from e2e.processes import Processes, every
from e2e.rest import Rest
from e2e.sidecars import Sidecar
from e2e.wire import Wire
from meshgate.errors import ToolError
from meshgate.model import JSONObject

PARTS = (*apiserver.PARTS, "istio", "envoy", "iproute2", "iptables")
# Seconds within which istiod's answer to an applied object is in every Envoy.
SETTLED = 30.0
# What tells one configuration from the next; no client means its host.
MARKER = "lab-marker"
MARKER_HOST = "marker.lab.internal"
MARKER_NETWORK = "240.1"
MARKER_PORTS = 20000
# The counters of both filters, for requests and for connections.
DENIALS = "stats?filter=rbac.denied"


class Lab:
    """A lab that runs."""

    def __init__(
        self,
        folder: Path,
        processes: Processes,
        cluster: Cluster,
        control: Istiod,
        *,
        pods: tuple[Pod, ...],
        services: tuple[Service, ...],
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self.rest = Rest(cluster.kubeconfig)
        self.control = control
        self.pods = pods
        self.services = services
        self.apps: list[App] = []
        self.sidecars: list[Sidecar] = []
        self._processes = processes
        self.wire = Wire()
        self._numbers = itertools.count(1)

    def settle(self) -> None:
        """Wait until every Envoy has what istiod makes of the objects in the cluster now.

        A marker is applied last; where its listener is, all before it is too.
        """
        number = next(self._numbers)
        address = f"{MARKER_NETWORK}.{number // 256}.{number % 256}"
        port = MARKER_PORTS + number
        gateways = [_marker_of_gateway(pod, port) for pod in self.pods if pod.gateway]
        self.rest.apply(_marker(address), *gateways)
        waiting = list(self.sidecars)
        for _ in every(0.05, SETTLED):
            waiting = [
                each
                for each in waiting
                if (f"0.0.0.0:{port}" if each.pod.gateway else address)
                not in each.admin("listeners")
            ]
            if not waiting:
                return
        raise ToolError(
            "the Envoys did not get the configuration: "
            + ", ".join(str(each.pod) for each in waiting),
            why="\n".join(each.process.tail() for each in waiting),
        )

    def denials(self) -> int:
        """How many requests and connections authorization has denied so far, in all Envoys."""
        lines = (line for each in self.sidecars for line in each.admin(DENIALS).splitlines())
        return sum(int(line.rpartition(": ")[2]) for line in lines if ": " in line)

    def start(self, pod: Pod) -> None:
        """Start a pod's proxy, if it has one, and lead its traffic; ready some seconds later."""
        if pod.sidecar or pod.gateway:
            if not pod.gateway:
                sidecars.redirect(pod)
            proxy = sidecars.start(self._processes, self.folder, pod, self.cluster, self.control)
            self.sidecars.append(proxy)
        translate(pod, self.services)

    def restart(self, pod: Pod) -> Sidecar:
        """Start a pod's proxy anew, as the kubelet does a container: the pod's network stays."""
        proxy = sidecars.start(self._processes, self.folder, pod, self.cluster, self.control)
        self.sidecars = [*(each for each in self.sidecars if each.pod != pod), proxy]
        return proxy

    def inject(self, pod: Pod) -> Pod:
        """Restart a pod with a sidecar, as one that asks for injection; what it is now.

        Its application goes on, and its address is the same.
        """
        injected = pod._replace(sidecar=True)
        self.pods = tuple(injected if each == pod else each for each in self.pods)
        # Nobody stops it on the node, and containers of a pod do not change.
        gone = ("delete", "pod", pod.name, "--grace-period=0", "--force")
        self.cluster.kubectl("-n", pod.namespace, *gone)
        describe(self.cluster, [injected], ())
        # The sidecar's own rules come before those of the node.
        run_or_raise([*entering(pod), "iptables", "-t", "nat", "-F", "OUTPUT"])
        self.start(injected)
        started = self.sidecars[-1]
        started.process.wait_for(started.is_ready, "its Envoy was ready")
        return injected


def _marker(address: str) -> JSONObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": MARKER, "namespace": istiod.ROOT},
        "spec": {
            "hosts": [MARKER_HOST],
            "addresses": [address],
            "ports": [{"number": 1, "name": "tcp", "protocol": "TCP"}],
            "resolution": "STATIC",
            "endpoints": [{"address": GATEWAY}],
        },
    }


def _marker_of_gateway(pod: Pod, port: int) -> JSONObject:
    """A gateway opens no listener for a ServiceEntry."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": MARKER, "namespace": pod.namespace},
        "spec": {
            "selector": {"istio": pod.name},
            "servers": [
                {
                    "port": {"number": port, "name": "http", "protocol": "HTTP"},
                    "hosts": [MARKER_HOST],
                }
            ],
        },
    }


@contextmanager
def lab(folder: Path, pods: Iterable[Pod], listed: Iterable[Service]) -> Iterator[Lab]:
    """Bring a lab up, inside the sandbox; take it down after the block. Raises ToolError."""
    own, offered = tuple(pods), tuple(listed)
    sandbox.furnish(folder)
    network.create(own)
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder / "logs"))
        sandbox.name_hosts(folder, hosts(offered))
        cluster = apiserver.start(processes, folder, GATEWAY)
        cluster.install(apiserver.istio_definitions())
        describe(cluster, own, offered)
        control = istiod.start(processes, folder, cluster, GATEWAY)
        running = Lab(folder, processes, cluster, control, pods=own, services=offered)
        stack.callback(running.wire.close)
        istiod.validate_with(cluster, control)
        for pod in own:
            if not pod.gateway:
                running.apps.append(app := App(pod))
                stack.callback(app.close)
            running.start(pod)
        for each in running.sidecars:
            each.process.wait_for(each.is_ready, "its Envoy was ready")
        yield running


def hosts(listed: Iterable[Service]) -> dict[str, str]:
    """What names lead to: a Service's address; of a headless one, its first pod's."""
    named = {istiod.HOST: GATEWAY}
    for service in listed:
        named[service.host] = service.address or service.pods[0].address
    return named


def describe(cluster: Cluster, pods: Iterable[Pod], listed: Iterable[Service]) -> None:
    """Tell the API server of the pods and Services."""
    own = list(pods)
    cluster.apply(*objects.namespaces(own))
    cluster.apply(*objects.workloads(own), *objects.services(listed))
    for pod in own:
        status = json.dumps(objects.running(pod))
        patch = ("patch", "pod", pod.name, "--subresource=status", "--type=merge", "-p", status)
        cluster.kubectl("-n", pod.namespace, *patch)


def translate(pod: Pod, listed: Iterable[Service]) -> None:
    """Lead Service addresses to pods, as kube-proxy does on a node; after a sidecar's own rules."""
    for service in listed:
        for port in service.ports if service.address and not service.external else ():
            for left, target in zip(range(len(service.pods), 0, -1), service.pods, strict=True):
                chance = ["-m", "statistic", "--mode", "nth", "--every", str(left), "--packet", "0"]
                run_or_raise(
                    [
                        *entering(pod),
                        *("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp"),
                        *("-d", service.address, "--dport", str(port.number)),
                        *(chance if left > 1 else ()),
                        *("-j", "DNAT", "--to-destination", f"{target.address}:{port.target}"),
                    ]
                )
