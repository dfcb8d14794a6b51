"""Which merged rule clients with a sidecar use for a host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import ClientGroup, DataPlane, Mesh, Service, Tls
from meshgate.mesh.lookup import Choice, HostRules
from meshgate.mesh.merge import Entry
from meshgate.mesh.policy import meaning
from meshgate.mesh.services import Resolution
from meshgate.model import Resource
from meshgate.rules.wording import SHOWN, listed

# The port of the API server's Service, for hosts that no Service lists.
USUAL_PORT = 443


class EffectiveRule(Struct, frozen=True):
    """What some clients use for one service port, in one possible order of creation.

    `is_certain`: every order gives the same TLS mode, and none was left untried.
    """

    clients: ClientGroup
    entry: Entry
    port: int
    is_certain: bool = True

    @property
    def tls(self) -> Tls:
        """The mode of the resolved `tls` block."""
        return meaning(self.entry, self.port, None).tls

    @property
    def deciding(self) -> Resource:
        """The rule that gives the policy."""
        rules = self.entry.rules
        return next((rule for rule in rules if rule.policy is not None), rules[0]).resource


def effective_rules(mesh: Mesh, service: Service) -> Iterator[EffectiveRule]:
    """The rules that clients with a sidecar use for a service."""
    for each in mesh.call_classes([service]):
        if each.clients.plane is DataPlane.SIDECAR and each.clients.count:
            yield from _effective_rules(each.clients, each.choices, each.port.number)


def effective_rules_unlisted(mesh: Mesh, host: str, namespace: str) -> Iterator[EffectiveRule]:
    """The rules for a host that the inventory does not list; a Sidecar resource is not asked."""
    service = Service(host, namespace, "", Resource.of({}), (), Resolution.STATIC)
    rules = HostRules(mesh.rules, service)
    for profile in mesh.clients.profiles:
        if profile.plane is not DataPlane.SIDECAR:
            continue
        apart = list(profile.in_namespaces(rules.special))
        for each in apart:
            choices = rules.choices(each.namespace, each.labels)
            yield from _effective_rules(ClientGroup(each.plane, [each]), choices, USUAL_PORT)
        rest = profile.rest(apart)
        if rest.count:
            yield from _effective_rules(rest, rules.generic(), USUAL_PORT)


def _effective_rules(
    clients: ClientGroup, choices: tuple[Choice, ...], port: int
) -> Iterator[EffectiveRule]:
    modes = {meaning(each.entry, port, None).tls if each.entry else None for each in choices}
    is_certain = len(modes) == 1 and not any(choice.is_open for choice in choices)
    for choice in choices:
        if choice.entry is not None:
            yield EffectiveRule(clients, choice.entry, port, is_certain)


def names(effective: Sequence[EffectiveRule]) -> str:
    """The clients by name; of many the first few.

    Of several ports only the first counts: its clients call the others too.
    """
    groups = {
        id(each.clients): each.clients for each in effective if each.port == effective[0].port
    }
    members = itertools.chain.from_iterable(group.members for group in groups.values())
    first = itertools.islice(members, SHOWN)
    return listed(map(str, first), total=sum(group.count for group in groups.values()))
