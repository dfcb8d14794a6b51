"""The few manifests that repair a call, as YAML to paste."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshgate.model import JSONObject

# What every YAML reader takes for a string.
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)*")
LAST_OF_JSON = 0xFFFF
WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def destination_rule(name: str, namespace: str, host: str, mode: str) -> str:
    """A DestinationRule for one host that only sets the TLS mode."""
    return f"""\
{_rule_for(name, namespace, host)}\
    tls:
      mode: {mode}
"""


def plaintext_port(name: str, namespace: str, host: str, port: int) -> str:
    """A DestinationRule for one host that turns TLS off at one of its ports."""
    return destination_rule(name, namespace, host, "ISTIO_MUTUAL") + _without_tls(port)


def raw_port(name: str, namespace: str, host: str, port: int) -> str:
    """A DestinationRule for one host that turns TLS off at one port and leaves all others alone."""
    return _rule_for(name, namespace, host) + _without_tls(port)


def _rule_for(name: str, namespace: str, host: str) -> str:
    """The beginning of a DestinationRule, its trafficPolicy to be filled."""
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {scalar(name)}
  namespace: {scalar(namespace)}
spec:
  host: {scalar(host)}
  trafficPolicy:
"""


def _without_tls(port: int) -> str:
    """The settings of a trafficPolicy that turn TLS off at one port."""
    return f"""\
    portLevelSettings:
      - port:
          number: {port}
        tls:
          mode: DISABLE
"""


def open_port(name: str, namespace: str, labels: Mapping[str, str], port: int) -> str:
    """A PeerAuthentication that lets plaintext in at one port of some workloads."""
    selected = "".join(f"      {scalar(key)}: {scalar(value)}\n" for key, value in labels.items())
    return f"""\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {scalar(name)}
  namespace: {scalar(namespace)}
spec:
  selector:
    matchLabels:
{selected}  portLevelMtls:
    "{port}":
      mode: PERMISSIVE
"""


def allow(
    name: str, namespace: str, labels: Mapping[str, str], identity: str | None, port: int
) -> str:
    """An AuthorizationPolicy that lets one client, or everybody, in at a port of some workloads."""
    return _allow(name, namespace, _selector(labels), identity, port)


def allow_at_waypoint(namespace: str, service: str, name: str, identity: str, port: int) -> str:
    """An AuthorizationPolicy that lets one client in at the waypoint of a Service."""
    targets = (
        f'  targetRefs:\n    - kind: Service\n      group: ""\n      name: {scalar(service)}\n'
    )
    return _allow(name, namespace, targets, identity, port)


def _selector(labels: Mapping[str, str]) -> str:
    selected = "".join(f"      {scalar(key)}: {scalar(value)}\n" for key, value in labels.items())
    return f"  selector:\n    matchLabels:\n{selected}" if selected else ""


def _allow(name: str, namespace: str, attached: str, identity: str | None, port: int) -> str:
    source = (
        f"from:\n        - source:\n            principals: [{scalar(identity)}]\n      "
        if identity
        else ""
    )
    return f"""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {scalar(name)}
  namespace: {scalar(namespace)}
spec:
{attached}  action: ALLOW
  rules:
    - {source}to:
        - operation:
            ports: ["{port}"]
"""


def network_policy(
    name: str, direction: str, subject: NetworkPods, peer: NetworkPods, port: int
) -> str:
    """A NetworkPolicy that lets pods of one workload through to a port, in or out."""
    selects = _labels(subject.labels, "    ")
    if subject.expressions:
        lines = "".join(f"      - {json.dumps(each)}\n" for each in subject.expressions)
        selects += f"    matchExpressions:\n{lines}"
    key = "from" if direction == "ingress" else "to"
    return f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {scalar(name)}
  namespace: {scalar(subject.namespace)}
spec:
  podSelector:{_or_everything(selects)}\
  policyTypes: [{direction.capitalize()}]
  {direction}:
    - {key}:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {scalar(peer.namespace)}
          podSelector:{_or_everything(_labels(peer.labels, " " * 12))}\
      ports:
        - port: {port}
"""


class NetworkPods(NamedTuple):
    """Pods that a NetworkPolicy is for, or names; `expressions` as matchExpressions has them."""

    namespace: str
    labels: Mapping[str, str]
    expressions: Sequence[JSONObject] = ()


def _or_everything(selects: str) -> str:
    return f"\n{selects}" if selects else " {}\n"


def _labels(labels: Mapping[str, str], indent: str) -> str:
    if not labels:
        return ""
    pairs = "".join(f"{indent}  {scalar(key)}: {scalar(own)}\n" for key, own in labels.items())
    return f"{indent}matchLabels:\n{pairs}"


def scalar(text: str) -> str:
    """The text as a YAML string on one line: plain, or with the escapes of JSON and YAML."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    # JSON writes these as a pair of surrogates, which YAML refuses.
    if ord(character) > LAST_OF_JSON:
        return f"\\U{ord(character):08x}"
    return json.dumps(character)[1:-1]
