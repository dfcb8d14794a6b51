"""The exact set of requests that a server lets in over one connection, and how two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from meshgate.mesh.authorization.attributes import Kind, Normalization
from meshgate.mesh.authorization.boxes import (
    Box,
    difference,
    disjoint,
    intersection,
    intersections,
    uncovered,
)
from meshgate.mesh.authorization.projection import FreeRuleSet
from meshgate.mesh.authorization.space import Space

# Addresses of pods, which no file knows.
_UNKNOWN_ADDRESSES = frozenset({Kind.SOURCE_IP, Kind.DESTINATION_IP})


class AccessSet:
    """What one rule set lets in: (ALLOW, or all where none applies) without DENY.

    Held as the two unions, since most questions need no difference of them.
    """

    def __init__(self, space: Space, rules: FreeRuleSet) -> None:
        """Raises TooComplexError."""
        self.space = space
        issuers = rules.issuers
        self.universe = space.universe(issuers)
        allow = space.rule_boxes(rules.allow, issuers)
        self.allow = intersections(self.universe, allow) if rules.is_closed else self.universe
        self.deny = space.rule_boxes((*rules.unauthorized, *rules.deny), issuers)
        self.custom = space.rule_boxes(rules.custom, issuers)

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
        return intersections(self.permitted, self.custom) if self.custom else []

    def first_permitted(self) -> Box | None:
        """Some of what is let in; None: nothing is."""
        return next(self._rest(self.allow, self.deny), None)

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
        for box in self._rest(self.allow, [*self.deny, *other.allow]):
            return box
        for hole in other.deny:
            within = [inside for box in self.allow if (inside := intersection(box, hole))]
            for box in self._rest(within, self.deny):
                return box
        return None

    def beyond(self, other: AccessSet) -> list[Box]:
        """All that is let in here and not by another set of the same space."""
        return difference(self.permitted, other.permitted)

    def hangs_on_addresses(self) -> bool:
        """Whether a pod's address, which files do not tell, decides on any request."""
        for place, dimension in enumerate(self.space.dimensions):
            if dimension.attribute.kind not in _UNKNOWN_ADDRESSES:
                continue
            full = self.space.full[place]
            for box in self.permitted:
                wide = (*box[:place], full, *box[place + 1 :])
                if box[place] != full and uncovered(wide, self.permitted) is not None:
                    return True
        return False

    def hangs_on_token(self) -> bool:
        """Whether the rules ask for a token at all."""
        kinds = {dimension.attribute.kind for dimension in self.space.dimensions}
        return Kind.TOKEN_PRINCIPAL in kinds

    @staticmethod
    def _rest(boxes: Iterable[Box], holes: Sequence[Box]) -> Iterator[Box]:
        """Parts of boxes that no hole covers, at most one of each."""
        for box in boxes:
            part = uncovered(box, holes)
            if part is not None:
                yield part


def access_sets(
    rule_sets: Sequence[FreeRuleSet], normalization: Normalization
) -> tuple[AccessSet, ...]:
    """The sets of several rule sets in one space. Raises TooComplexError and UndecidableError."""
    terms = (term for rules in rule_sets for term in rules.terms)
    space = Space(terms, [rules.issuers for rules in rule_sets], normalization)
    return tuple(AccessSet(space, rules) for rules in rule_sets)
