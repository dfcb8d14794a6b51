"""exportTo of DestinationRule, VirtualService and ServiceEntry (validateExportTo)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.hosts import is_dns_label
from meshgate.schema.webhook.problem import Problem

PRIVATE, PUBLIC, NOBODY = ".", "*", "~"


def export_to(
    resource: Resource, *, service: bool = False, selector: bool = False
) -> Iterator[Problem]:
    """`service`: a ServiceEntry, which may be exported to nobody; `selector`: it has one."""
    entries = resource.spec.get("exportTo", ())
    if not entries:
        return
    path = ("spec", "exportTo")
    own = resource.namespace or ""
    exported: set[str] = set()
    for index, entry in enumerate(entries):
        name = own if entry == PRIVATE else entry
        if name in exported:
            same = f"`{PRIVATE}` and `{own}` are the same namespace"
            again = f"`{entry}` is there twice"
            yield Problem((*path, index), same if PRIVATE in {entry, *entries[:index]} else again)
        elif entry == NOBODY and not service:
            yield Problem((*path, index), f"only a ServiceEntry may be exported to `{NOBODY}`")
        elif name in {PUBLIC, NOBODY, PRIVATE} or is_dns_label(name):
            exported.add(name)
        else:
            yield Problem((*path, index), f"`{entry}` is neither `.`, `*` nor a namespace")
    if selector and exported and exported != {own}:
        yield Problem(path, "a rule with workloadSelector serves its own namespace alone: use `.`")
    for alone, meaning in ((PUBLIC, "everybody"), (NOBODY, "nobody")):
        if alone in exported and len(entries) > 1:
            yield Problem(path, f"`{alone}` means {meaning}; no other entry may stand beside it")
