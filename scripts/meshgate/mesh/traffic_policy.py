"""The TLS and load balancing that a DestinationRule states for a port and a subset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate.mesh import selectors
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import ORIGINATED, Tls
from meshgate.model import JSON, JSONObject

_PASSTHROUGH = "PASSTHROUGH"
# Readable by every proxy, so not dropped on sidecars (credentials.KubernetesConfigMapTypeURI).
_CONFIG_MAP = "configmap://"
_MODES = {mode.value: mode for mode in Tls if mode is not Tls.NONE}
# Fields of a policy that put something else on the wire than its TLS.
_DOUBTS = {
    "tunnel": "its rule sends TCP through a tunnel to another host, which is not modelled",
    "proxyProtocol": "its rule puts the PROXY protocol before what it sends, which is not modelled",
}


class TlsSettings(NamedTuple):
    """A `tls` block. Without `mode` it is DISABLE, the zero of Istio's enumeration."""

    mode: Tls
    sni: str
    # It names a secret, which sidecars may not read unless the rule has a workloadSelector.
    credential: bool
    # Whom a client takes for the server (`subjectAltNames`); empty: Istio says.
    names: frozenset[str] = frozenset()


class PortPolicy(Struct, frozen=True):
    """One entry of `portLevelSettings`; `balancer` None: not set."""

    number: int
    tls: TlsSettings | None
    balancer: str | None


class TrafficPolicy(Struct, frozen=True):
    """The part of a `trafficPolicy` that matters here."""

    tls: TlsSettings | None
    balancer: str | None
    ports: tuple[PortPolicy, ...]
    # Why it is not known what a client with this policy sends; empty: it is.
    doubt: str = ""


class Subset(Struct, frozen=True):
    """A named subset of a host's endpoints."""

    name: str
    labels: Labels
    policy: TrafficPolicy | None


class Resolved(Struct, frozen=True):
    """What a rule means for one port and subset; equal values behave alike.

    tls         the resolved block (NONE: absent, auto mTLS decides)
    sni         the server name it asks for; empty: Istio's own
    credential  the block names a secret
    marks       the mode by which endpoints are marked, which is resolved by other rules than `tls`
    early       PASSTHROUGH by the default cluster or by the subset's own top level
    late        PASSTHROUGH by the resolved policy
    tested      all endpoints are tested for a sidecar (BestEffortInferServiceMTLSMode)
    doubt       why it is not known what a client sends; empty: it is
    names       whom a client takes for the server where it sends mesh mTLS; empty: Istio says
    """

    tls: Tls
    sni: str
    credential: bool
    marks: Tls | None
    early: bool
    late: bool
    tested: bool
    doubt: str = ""
    names: frozenset[str] = frozenset()

    @property
    def passthrough(self) -> bool:
        """Whether the rule turns the cluster into ORIGINAL_DST."""
        return self.early or self.late

    def dropped(self, *, selector: bool) -> bool:
        """Whether a sidecar drops this TLS: it names a secret, and the rule has no selector.

        The source is buildUpstreamClusterTLSContext.
        """
        return self.credential and not selector and self.tls in ORIGINATED


UNSET = Resolved(Tls.NONE, "", credential=False, marks=None, early=False, late=False, tested=False)


def resolve(
    top: TrafficPolicy | None, subsets: Sequence[Subset], port: int, subset: str | None
) -> Resolved:
    """What a rule with this top-level policy and these subsets means for a service port.

    Follows GetPortLevelTrafficPolicy and MergeSubsetTrafficPolicy for clusters, and
    tlsModeForDestinationRule for the marks on endpoints.
    """
    tls, balancer, _ = _at_port(top, port)
    default = balancer == _PASSTHROUGH
    if subset is None:
        resolved = _resolved(tls, _mark(top, port), early=False, late=default, tested=_tests(top))
        return _doubted(resolved, top)
    chosen = next((item for item in subsets if item.name == subset), None)
    if chosen is None:
        return UNSET
    own = chosen.policy
    marks = _mark(own, port) or _mark(top, port)
    if own is not None:
        own_tls, own_balancer, by_port = _at_port(own, port)
        if own_tls is not None or by_port or top is None:
            tls = own_tls
        if own_balancer is not None or by_port or top is None:
            balancer = own_balancer
    resolved = _resolved(
        tls,
        marks,
        early=default or _tests(own),
        late=balancer == _PASSTHROUGH,
        tested=_tests(own),
    )
    return _doubted(resolved, top, own)


def _doubted(resolved: Resolved, *policies: TrafficPolicy | None) -> Resolved:
    """The answer with the doubts of all policies that it comes from."""
    doubts = (policy.doubt for policy in policies if policy is not None)
    reason = resolved.doubt or next(filter(None, doubts), "")
    return structs.replace(resolved, doubt=reason) if reason else resolved


def _resolved(
    tls: TlsSettings | None, marks: Tls | None, *, early: bool, late: bool, tested: bool
) -> Resolved:
    mode, sni, credential, names = tls or (Tls.NONE, "", False, frozenset())
    own = names if mode is Tls.ISTIO_MUTUAL else frozenset()
    return Resolved(mode, sni, credential, marks, early, late, tested, names=own)


def _at_port(
    policy: TrafficPolicy | None, port: int
) -> tuple[TlsSettings | None, str | None, bool]:
    """TLS and balancer at a port; an entry for the port replaces the whole policy."""
    if policy is None:
        return None, None, False
    for entry in policy.ports:
        if entry.number == port:
            return entry.tls, entry.balancer, True
    return policy.tls, policy.balancer, False


def _mark(policy: TrafficPolicy | None, port: int) -> Tls | None:
    """The mode that marks endpoints: an entry without `tls` inherits, unlike in clusters."""
    if policy is None:
        return None
    for entry in policy.ports:
        if entry.number == port and entry.tls is not None:
            return entry.tls.mode
    return policy.tls.mode if policy.tls is not None else None


def _tests(policy: TrafficPolicy | None) -> bool:
    return policy is not None and policy.balancer == _PASSTHROUGH


def traffic_policy(value: JSON) -> TrafficPolicy | None:
    """The policy of a manifest; None: absent."""
    if not isinstance(value, dict):
        return None
    entries: JSON = value.get("portLevelSettings")
    return TrafficPolicy(
        _tls(value.get("tls")),
        _balancer(value.get("loadBalancer")),
        tuple(_ports(entries)) if entries else (),
        "" if value.keys().isdisjoint(_DOUBTS) else _doubt(value),
    )


def _doubt(value: JSONObject) -> str:
    return next((reason for key, reason in _DOUBTS.items() if value.get(key)), "")


def subsets(value: JSON) -> tuple[Subset, ...]:
    """The subsets of a manifest, in its order."""
    return tuple(
        Subset(
            str(item.get("name") or ""),
            selectors.labels(item.get("labels")),
            traffic_policy(item.get("trafficPolicy")),
        )
        for item in (value if isinstance(value, list) else ())
        if isinstance(item, dict)
    )


def _ports(value: JSON) -> Iterator[PortPolicy]:
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("port"), dict):
            continue
        number = item["port"].get("number") or 0
        if isinstance(number, int):
            yield PortPolicy(number, _tls(item.get("tls")), _balancer(item.get("loadBalancer")))


def _tls(value: JSON) -> TlsSettings | None:
    if not isinstance(value, dict):
        return None
    mode = str(value.get("mode") or "")
    credential = str(value.get("credentialName") or "")
    names: JSON = value.get("subjectAltNames")
    return TlsSettings(
        _MODES.get(mode, Tls.DISABLE),
        str(value.get("sni") or ""),
        bool(credential) and not credential.startswith(_CONFIG_MAP),
        frozenset(map(str, names)) if isinstance(names, list) else frozenset(),
    )


def _balancer(value: JSON) -> str | None:
    if not isinstance(value, dict):
        return None
    return str(value.get("simple") or "")
