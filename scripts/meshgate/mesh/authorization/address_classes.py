"""Classes of addresses that no CIDR block tells apart, each with an address as its witness."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import structs

from meshgate.mesh.authorization.attributes import Address
from meshgate.mesh.authorization.matchers import BlockMatcher, Matcher
from meshgate.mesh.authorization.text_classes import Classes

# An address of documentation (RFC 5737), which makes the best witness.
_KNOWN = Address(4, 0xC0000201)
_LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def address_classes(matchers: Collection[Matcher], families: Collection[int] = (4,)) -> Classes:
    """The classes that blocks make of all addresses.

    Every block begins and ends an interval, and all addresses of one interval are in the same
    blocks. IPv6 counts where a block names it, or where it is among the `families` (4, 6) that
    pods may have.
    """
    blocks = [matcher for matcher in matchers if isinstance(matcher, BlockMatcher)]
    witnesses: dict[frozenset[Matcher], Address] = {}
    for version in sorted({*families, *(block.version for block in blocks)}):
        own = [block for block in blocks if block.version == version]
        if version == 4:  # noqa: PLR2004 - as ipaddress says it
            inside = frozenset[Matcher](block for block in own if block.matches(_KNOWN))
            witnesses[inside] = _KNOWN
        starts = {0, *(block.first for block in own), *(block.last + 1 for block in own)}
        for start in sorted(starts):
            if start <= _LAST[version]:
                address = Address(version, start)
                inside = frozenset[Matcher](block for block in own if block.matches(address))
                # The first address of a block is that of a network, where it has another.
                host = structs.replace(address, number=min(start + 1, _LAST[version]))
                fits = host.number not in starts
                witnesses.setdefault(inside, host if fits else address)
    masks: dict[Matcher, int] = {}
    for place, inside in enumerate(witnesses):
        for matcher in inside:
            masks[matcher] = masks.get(matcher, 0) | 1 << place
    return Classes(tuple(witnesses.values()), masks)
