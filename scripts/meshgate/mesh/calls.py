"""Calls: every client against every service port, in classes, materialised only when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from meshgate.mesh import protocols
from meshgate.mesh.authorization import Allows
from meshgate.mesh.client_groups import ClientGroup
from meshgate.mesh.cluster import PortClusters
from meshgate.mesh.delivery import BY_PROXY, Delivery
from meshgate.mesh.lookup import Choice
from meshgate.mesh.policy import ClientPolicy, policy
from meshgate.mesh.services import Endpoint, Service, ServicePort
from meshgate.mesh.terms import Mode, Outcome, Tls, Transport, Verdict
from meshgate.mesh.virtual_services import Destination
from meshgate.mesh.workloads import Workload

_DENYING = frozenset({Allows.NONE, Allows.SOME})


class Call(Struct, frozen=True):
    """One client, one service port, one endpoint.

    `policy` None: no rule applies to what the client sends, since it has no proxy or bypasses it.
    """

    client: Workload
    service: Service
    port: ServicePort
    subset: str | None
    policy: ClientPolicy | None
    delivery: Delivery
    # Why the service is not what the client reaches; empty: it is.
    detour: str = ""

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the call ends; None: nothing is there."""
        return self.delivery.endpoint

    @property
    def tls(self) -> Tls:
        """The mode that the client's rules resolve to."""
        return self.policy.tls if self.policy is not None else Tls.NONE

    @property
    def transport(self) -> Transport | None:
        """What is put on the wire; None: nothing, or it is not known."""
        return self.delivery.transport

    @property
    def mode(self) -> Mode | None:
        """What the server port enforces; None: nothing."""
        return self.delivery.mode

    @property
    def outcome(self) -> Outcome:
        """What becomes of it."""
        return self.delivery.outcome

    @property
    def verdict(self) -> Verdict:
        """Whether it works."""
        return self.delivery.verdict

    @property
    def reason(self) -> str:
        """Why the outcome is unknown, or why the call does not reach the service."""
        return self.delivery.reason or self.detour


class CallClass(Struct, frozen=True, eq=False):
    """Calls that differ in nothing but the client.

    `deliveries` are those of each client: there are `clients.count` calls of each of them.
    """

    clients: ClientGroup
    clusters: PortClusters
    subset: str | None
    deliveries: tuple[Delivery, ...]
    # The rules of the clients, in every possible order; empty: none applies.
    choices: tuple[Choice, ...] = ()
    # Where a route leads these calls though no cluster is there; None: to the service.
    led_to: Destination | None = None
    # Whether the proxies of these clients do not know the service: a Sidecar resource does not
    # import it, or its exportTo leaves their namespace out.
    hidden: bool = False
    # Whether these are copies of requests (mirrors), which nobody waits for.
    is_copy: bool = False

    @property
    def service(self) -> Service:
        """The service that is called."""
        return self.clusters.service

    @property
    def port(self) -> ServicePort:
        """The service port that is called."""
        return self.clusters.port

    @property
    def detour(self) -> str:
        """Why the service is not what these calls reach; empty: it is."""
        if self.deliveries == (BY_PROXY,):
            return "routes have their proxies answer by themselves: a redirect or a direct response"
        if self.led_to is not None and self.is_copy:
            return f"copies go to {described(self.led_to)}, for which their proxies have no cluster"
        if self.led_to is not None:
            return (
                f"routes lead to {described(self.led_to)}, for which their proxies have no cluster"
            )
        if not self.hidden:
            return ""
        scopes = next(self.clients.classes).scopes
        if not scopes:
            return f"{self.service.resource} is not exported to their namespaces"
        sidecar = scopes[0].policy
        return f"Sidecar {sidecar.namespace}/{sidecar.name} does not import the service"

    @property
    def policy(self) -> ClientPolicy | None:
        """The policy of the clients' rules; None: none applies."""
        if not self.choices:
            return None
        chosen = policy(self.clusters, self.choices, self.subset, self.clients.plane)
        return structs.replace(chosen, deliveries=self.deliveries)

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many of these calls end how."""
        counted: Counter[Outcome] = Counter()
        for delivery in self.deliveries:
            counted[delivery.outcome] += self.clients.count
        return counted

    @property
    def broken(self) -> tuple[Delivery, ...]:
        """The deliveries that do not work, in some order of creation at least."""
        return tuple(each for each in self.deliveries if is_broken(each))

    def calls(
        self, clients: Iterable[Workload] | None = None, *, only_broken: bool = False
    ) -> Iterator[Call]:
        """The calls one by one, of all clients or of these."""
        own = self.policy
        deliveries = self.broken if only_broken else self.deliveries
        restriction = self.clients.restricted_by
        for client in self.clients.members if clients is None else clients:
            for delivery in deliveries:
                named = self.clusters.by_name(delivery, client, restriction)
                yield Call(client, self.service, self.port, self.subset, own, named, self.detour)


def described(destination: Destination) -> str:
    """A destination as people write it."""
    port = f":{destination.port}" if destination.port else ""
    subset = f" subset {destination.subset}" if destination.subset else ""
    return f"{destination.host}{port}{subset}"


def is_broken(delivery: Delivery) -> bool:
    """Whether an endpoint's calls fail, or may fail where the order of creation decides."""
    return any(each.verdict is Verdict.BROKEN for each in (delivery, *delivery.alternatives))


def is_denied(delivery: Delivery) -> bool:
    """Whether policies deny an endpoint's calls, or some requests of them, or stop the packets."""
    return any(
        each.blocking is not None
        or (each.admission is not None and each.admission.allows in _DENYING)
        for each in (delivery, *delivery.alternatives)
    )


def is_misread(delivery: Delivery, port: ServicePort) -> bool:
    """Whether the server's sidecar takes bytes of TCP, and parses them as HTTP.

    No mode of a rule or policy mends that. Where the sidecar ends no TLS (DISABLE), it is the TLS
    that nobody can parse.
    """
    arrives = delivery.transport is Transport.PLAINTEXT or (
        delivery.transport in {Transport.MTLS, Transport.MTLS_USER}
        and delivery.mode in {Mode.STRICT, Mode.PERMISSIVE}
    )
    return delivery.outcome is Outcome.PROTOCOL_ERROR and arrives and port.protocol == protocols.TCP
