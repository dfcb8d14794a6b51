"""The exact set of requests that a server lets in over one connection, and how two differ."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from msgspec import structs

from meshgate.mesh.authorization.attributes import Attribute, Chain, Kind, Normalization
from meshgate.mesh.authorization.boxes import (
    Box,
    difference,
    disjoint,
    intersection,
    intersections,
    uncovered,
)
from meshgate.mesh.authorization.paths import normalized, without_query
from meshgate.mesh.authorization.projection import FreeRuleSet
from meshgate.mesh.authorization.space import ISSUER, Space, Witness

# So many boxes are compared with each other when only addresses tell them apart.
_MAX_COMPARED = 2_000
# Addresses of pods, which no file knows.
_UNKNOWN_ADDRESSES = frozenset({Kind.SOURCE_IP, Kind.DESTINATION_IP})


class AccessSet:
    """What one rule set lets in: (ALLOW, or all where none applies) without DENY.

    Held as the two unions, since most questions need no difference of them.
    """

    def __init__(self, space: Space, rules: FreeRuleSet) -> None:
        """Raises TooComplexError."""
        self.space = space
        self._is_http = rules.chain is Chain.HTTP
        # Method, path and host of the requests in question; empty: any.
        self.sent = ("", "", "")
        self.headers: dict[str, str] = {}
        issuers = rules.issuers
        self.universe = space.universe(issuers)
        allow = space.rule_boxes(rules.allow, issuers)
        self.allow = intersections(self.universe, allow) if rules.is_closed else self.universe
        self.deny = space.rule_boxes((*rules.unauthorized, *rules.deny), issuers)
        self.providers = frozenset(free.rule.policy.provider for free in rules.custom)
        self.custom = space.rule_boxes(rules.custom, issuers)

    def witness(self, box: Box) -> Witness:
        """A concrete call of a box."""
        witness = self.space.witness(box)
        request = witness.request
        if request is None or not self._is_http:
            return structs.replace(witness, request=None)
        method, path, host = self.sent
        given = structs.replace(
            request,
            method=method or request.method,
            path=path or request.path,
            host=host or request.host,
            headers={**request.headers, **self.headers},
        )
        return structs.replace(witness, request=given)

    @cached_property
    def permitted(self) -> list[Box]:
        """All requests that policies let in, those included that an authorizer is asked about."""
        return difference(disjoint(self.allow), self.deny)

    @cached_property
    def denied(self) -> list[Box]:
        """All requests that policies deny."""
        return difference(self.universe, self.permitted)

    @cached_property
    def asked(self) -> list[Box]:
        """The permitted requests about which an external authorizer is asked."""
        return difference(intersections(self.allow, self.custom), self.deny)

    def first_permitted(self) -> Box | None:
        """Some of what is let in; None: nothing is."""
        return next(self._rest(self.allow, self.deny), None)

    def narrowed(
        self,
        method: str = "",
        path: str = "",
        host: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> AccessSet:
        """The part of this set with a method, a path as it is sent, a host, headers; empty: any.

        Witnesses have these values then.
        """
        sent = normalized(path, self.space.normalization)
        given = {
            Kind.METHOD: method,
            Kind.PATH: without_query(sent),
            Kind.PATH_AND_QUERY: sent,
            Kind.HOST: host.lower(),
            Kind.AUTHORITY: host,
        }
        values = {Attribute(kind): value for kind, value in given.items() if value}
        values |= {Attribute(Kind.HEADER, name.lower()): value for name, value in headers}
        box = [self.space.box_of(values)]
        return self._part(
            universe=intersections(self.universe, box),
            allow=intersections(self.allow, box),
            sent=(method, path, host),
            headers=dict(headers),
        )

    def certain(self) -> AccessSet:
        """This set without the requests about which an external authorizer is asked."""
        return self._part(deny=[*self.deny, *self.custom]) if self.custom else self

    def _part(self, **changes: object) -> AccessSet:
        """A copy with other unions; what was worked out for this set is not in it."""
        part = copy.copy(self)
        vars(part).update(changes)
        for name in ("permitted", "denied", "asked"):
            vars(part).pop(name, None)
        return part

    def first_denied(self) -> Box | None:
        """Some of what is denied; None: nothing is."""
        for box in self.universe:
            outside = uncovered(box, self.allow)
            if outside is not None:
                return outside
            for hole in self.deny:
                inside = intersection(box, hole)
                if inside is not None:
                    return inside
        return None

    def first_beyond(self, other: AccessSet) -> Box | None:
        """Some of what is let in here and not by another set of the same space; None: nothing."""
        added, holes = self._apart_from(other)
        within = intersections(self.allow, holes)
        first = self._rest(added, [*self.deny, *other.allow])
        return next(itertools.chain(first, self._rest(within, self.deny)), None)

    def beyond(self, other: AccessSet, limit: int) -> list[Box]:
        """All that is let in here and not by another set of the same space.

        Raises TooComplexError where that is more than `limit` boxes.
        """
        added, holes = self._apart_from(other)
        return [
            *difference(added, [*self.deny, *other.allow], limit),
            *difference(intersections(self.allow, holes), self.deny, limit),
        ]

    def asks_otherwise(self, other: AccessSet) -> bool:
        """Whether an authorizer is asked about other requests, or another authorizer is."""
        if self.providers != other.providers:
            return True
        return any(
            uncovered(box, second) is not None
            for first, second in ((self.custom, other.custom), (other.custom, self.custom))
            for box in first
        )

    def _apart_from(self, other: AccessSet) -> tuple[list[Box], list[Box]]:
        """What is allowed only here, and denied only there.

        What both have in common costs nothing: most changes touch one rule of many.
        """
        allowed, denied = set(other.allow), set(self.deny)
        return (
            [box for box in self.allow if box not in allowed],
            [box for box in other.deny if box not in denied],
        )

    def hangs_on_addresses(self) -> bool:
        """Whether a pod's address, which files do not tell, decides on any request.

        Raises TooComplexError.
        """
        permitted = difference(self.allow, self.deny, _MAX_COMPARED)
        for place, dimension in enumerate(self.space.dimensions):
            if dimension.attribute.kind not in _UNKNOWN_ADDRESSES:
                continue
            full = self.space.full[place]
            for box in permitted:
                wide = (*box[:place], full, *box[place + 1 :])
                if box[place] != full and uncovered(wide, permitted) is not None:
                    return True
        return False

    @property
    def asks_for_token(self) -> bool:
        """Whether any rule asks for something of a token."""
        return any(dimension.attribute == ISSUER for dimension in self.space.dimensions)

    @property
    def asks_for_addresses(self) -> bool:
        """Whether any rule asks for a pod's address that is not known."""
        kinds = {dimension.attribute.kind for dimension in self.space.dimensions}
        return not kinds.isdisjoint(_UNKNOWN_ADDRESSES)

    @staticmethod
    def _rest(boxes: Iterable[Box], holes: Sequence[Box]) -> Iterator[Box]:
        """Parts of boxes that no hole covers, at most one of each."""
        for box in boxes:
            part = uncovered(box, holes)
            if part is not None:
                yield part


def access_sets(
    rule_sets: Sequence[FreeRuleSet], normalization: Normalization, families: Collection[int]
) -> tuple[AccessSet, ...]:
    """The sets of several rule sets in one space. Raises TooComplexError and UndecidableError."""
    terms = (term for rules in rule_sets for term in rules.terms)
    space = Space(terms, [rules.issuers for rules in rule_sets], normalization, families)
    return tuple(AccessSet(space, rules) for rules in rule_sets)
