"""Hosts whose spelling no service can have."""

from __future__ import annotations

from msgspec import Struct

from meshgate.mesh.destination_rule import DestinationRule
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.outside import ServiceEntryHosts


class Flaw(Struct, frozen=True):
    """What keeps a host from matching, and how it was probably meant."""

    reason: str
    meant: str


class Spelling:
    """The hosts of one environment, read as istiod compares them: letter by letter."""

    def __init__(self, context: Context) -> None:
        self._domain = context.environment.mesh.cluster_domain
        self._entries = ServiceEntryHosts(context)
        known = inventory.of(context)
        self._namespaces = known.namespaces if known else set()

    def flaw(self, rule: DestinationRule) -> Flaw | None:
        """The flaw of a rule's host; None: there is none that its spelling shows."""
        host = str(rule.resource.spec.get("host") or "")
        flaw = self._by_spelling(host)
        # A ServiceEntry may spell its host in the same strange way.
        return None if flaw is None or self._entries.has(rule.host) else flaw

    def _by_spelling(self, host: str) -> Flaw | None:
        clean = host.rstrip(".").lower()
        full = f"{clean}.{self._domain}" if clean.endswith(".svc") else clean
        if host != "*." and host.endswith("."):
            return Flaw("ends in a dot, which no service's name does", full)
        if host != host.lower():
            return Flaw("has upper-case letters, which no service's name has", full)
        if host.endswith(".svc"):
            return Flaw("stops at .svc, and Istio completes only names without a dot", full)
        name, dot, namespace = host.partition(".")
        if name and dot and namespace in self._namespaces:
            return Flaw(
                f"stops at the namespace {namespace}, and Istio completes only names without a dot",
                f"{host}.svc.{self._domain}",
            )
        return None
