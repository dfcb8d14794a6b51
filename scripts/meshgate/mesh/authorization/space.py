"""The space of all requests over a connection, in the dimensions that its rules ask about."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field

from meshgate.mesh.authorization import text_classes
from meshgate.mesh.authorization.address_classes import address_classes
from meshgate.mesh.authorization.attributes import (
    Address,
    Attribute,
    Kind,
    Normalization,
    Request,
    TokenIssuers,
    Value,
)
from meshgate.mesh.authorization.boxes import MAX_BOXES, Box, TooComplexError, difference
from meshgate.mesh.authorization.matchers import Matcher, TokenMatcher
from meshgate.mesh.authorization.projection import FreeRules, check_independent
from meshgate.mesh.authorization.terms import Entry, Term
from meshgate.mesh.authorization.text_classes import Classes, TextDomain
from meshgate.model import JSON

ISSUER = Attribute(Kind.TOKEN_PRINCIPAL, "iss")
SUBJECT = Attribute(Kind.TOKEN_PRINCIPAL, "sub")
# Elements of one claim that are distinguished; each is a dimension.
MAX_ELEMENTS = 64
_ADDRESSES = frozenset({Kind.SOURCE_IP, Kind.REMOTE_IP, Kind.DESTINATION_IP})
# Claims of which the token's principal is made; they are one text each.
_OF_PRINCIPAL = {"iss": ISSUER, "sub": SUBJECT}


class Dimension(Struct, frozen=True):
    """One attribute with its classes, or one element that a claim may have among others.

    element  the claim's element, which is there (class 1) or not (class 0); None: no claim
    """

    attribute: Attribute
    classes: Classes
    element: str | None = None


class Witness(Struct, frozen=True):
    """A concrete call of a set, with addresses where rules ask for them.

    `request` None: a connection that is not judged as HTTP.
    """

    request: Request | None
    source: Address | None = None
    destination: Address | None = None
    # Attributes that the set is bound in: the rest of the request is arbitrary.
    bound: frozenset[Attribute] = field(default_factory=frozenset)


class Space:
    """The dimensions that some terms need, and the boxes that terms and rules are there."""

    def __init__(
        self,
        terms: Iterable[Term],
        issuers: Sequence[TokenIssuers],
        normalization: Normalization,
        families: Collection[int],
    ) -> None:
        """Raises TooComplexError and UndecidableError.

        `issuers` are those of all rule sets that are compared in this space, `families` those of
        the addresses that there may be (4, 6).
        """
        terms = list(dict.fromkeys(terms))
        check_independent(terms)
        self.normalization = normalization
        self._families = families
        self._issuers = sorted(frozenset().union(*(accepted.issuers for accepted in issuers)))
        by_attribute: dict[Attribute, dict[Matcher, None]] = {}
        for term in terms:
            attribute, matchers = term.attribute, term.matchers
            if attribute.kind is Kind.CLAIM:
                attribute = _OF_PRINCIPAL.get(attribute.name, attribute)
            by_attribute.setdefault(attribute, {}).update(dict.fromkeys(matchers))
        self.dimensions: list[Dimension] = []
        self._places: dict[Attribute, int] = {}
        # The classes of each claim's elements, and the dimension of each element.
        self._elements: dict[Attribute, tuple[Classes, dict[int, int]]] = {}
        for attribute in sorted(by_attribute, key=_order):
            if attribute.kind not in {Kind.TOKEN_PRINCIPAL, Kind.CLAIM}:
                self._add(attribute, self._classes(attribute, by_attribute[attribute]))
        self._add_token(by_attribute)
        self.full: Box = tuple(dimension.classes.full for dimension in self.dimensions)

    def _add(self, attribute: Attribute, classes: Classes) -> None:
        self._places[attribute] = len(self.dimensions)
        self.dimensions.append(Dimension(attribute, classes))

    def _classes(self, attribute: Attribute, matchers: Mapping[Matcher, None]) -> Classes:
        if attribute.kind in _ADDRESSES:
            return address_classes(matchers, self._families)
        return text_classes.text_classes(matchers, self._domain(attribute))

    def _domain(self, attribute: Attribute) -> TextDomain:
        match attribute.kind:
            case Kind.METHOD:
                return text_classes.METHODS
            case Kind.PATH | Kind.PATH_AND_QUERY:
                query = attribute.kind is Kind.PATH_AND_QUERY
                return text_classes.paths(self.normalization, query=query)
            case Kind.HOST | Kind.AUTHORITY:
                return text_classes.HOSTS
            case _:
                return text_classes.HEADERS

    def _add_token(self, by_attribute: Mapping[Attribute, Mapping[Matcher, None]]) -> None:
        """The dimensions of a token: its issuer, its subject, each element of each claim."""
        asked = [
            attribute
            for attribute in sorted(by_attribute)
            if attribute.kind in {Kind.TOKEN_PRINCIPAL, Kind.CLAIM}
        ]
        if not asked:
            return
        issuers: dict[Matcher, None] = {}
        subjects: dict[Matcher, None] = {}
        for attribute in asked:
            if attribute.kind is Kind.TOKEN_PRINCIPAL:
                target = {ISSUER: (issuers,), SUBJECT: (subjects,)}.get(attribute)
                for matcher in by_attribute[attribute]:
                    if isinstance(matcher, TokenMatcher):
                        issuers[matcher.issuer] = subjects[matcher.subject] = None
                    elif target is not None:
                        target[0][matcher] = None
        self._add(ISSUER, self._issuer_classes(issuers))
        self._add(SUBJECT, text_classes.text_classes(subjects, text_classes.SUBJECTS))
        for attribute in asked:
            if attribute.kind is Kind.CLAIM:
                classes = text_classes.text_classes(by_attribute[attribute], text_classes.CLAIMS)
                self._add_claim(attribute, classes)

    def _issuer_classes(self, matchers: Iterable[Matcher]) -> Classes:
        """The issuers that are verified, and no token at all."""
        witnesses: tuple[Value, ...] = (None, *self._issuers)
        masks = {
            matcher: sum(1 << i for i, text in enumerate(witnesses) if matcher.matches(text))
            for matcher in matchers
        }
        return Classes(witnesses, masks)

    def _add_claim(self, attribute: Attribute, classes: Classes) -> None:
        places: dict[int, int] = {}
        everything = classes.mask(classes.masks)
        for number, witness in enumerate(classes.witnesses):
            if everything >> number & 1:
                places[number] = len(self.dimensions)
                binary = Classes((None, witness), {})
                self.dimensions.append(Dimension(attribute, binary, str(witness)))
        if len(places) > MAX_ELEMENTS:
            raise TooComplexError(f"more than {MAX_ELEMENTS} values of the {attribute}")
        self._elements[attribute] = classes, places

    def element_classes(self, claim: Attribute) -> Classes:
        """The classes of the elements of a claim."""
        return self._elements[claim][0]

    def universe(self, issuers: TokenIssuers) -> list[Box]:
        """All requests that reach authorization where these issuers are verified.

        No token is a request without issuer, subject and claims. Where some issuers are verified,
        a token of another one is refused before any policy (jwt_authn).
        """
        place = self._places.get(ISSUER)
        if place is None:
            return [self.full]
        absent = {place: 1, self._places[SUBJECT]: self._mask_of_absent_subject()}
        for _, places in self._elements.values():
            absent |= dict.fromkeys(places.values(), 1)
        tokens = self._verified(issuers) if issuers.issuers else self.full[place] & ~1
        boxes = [self.box(absent)]
        return [*boxes, self.box({place: tokens})] if tokens else boxes

    def _mask_of_absent_subject(self) -> int:
        witnesses = self.dimensions[self._places[SUBJECT]].classes.witnesses
        return 1 << witnesses.index(None)

    def _verified(self, issuers: TokenIssuers) -> int:
        witnesses = self.dimensions[self._places[ISSUER]].classes.witnesses
        return sum(1 << place for place, text in enumerate(witnesses) if text in issuers.issuers)

    def box(self, masks: Mapping[int, int]) -> Box:
        """The box that is bound in these dimensions and free in all others."""
        return tuple(masks.get(place, mask) for place, mask in enumerate(self.full))

    def rule_boxes(self, rules: FreeRules, issuers: TokenIssuers) -> list[Box]:
        """The union of what rules match, where these issuers are verified."""
        boxes: dict[Box, None] = {}
        for rule in rules:
            for entry in rule.alternatives:
                boxes |= dict.fromkeys(self.entry_boxes(entry, issuers))
                if len(boxes) > MAX_BOXES:
                    raise TooComplexError(f"the rules make more than {MAX_BOXES} alternatives")
        return list(boxes)

    def entry_boxes(self, entry: Entry, issuers: TokenIssuers) -> list[Box]:
        """The union of boxes that terms mean together."""
        boxes = [self.full]
        for term in entry:
            own = self._term_boxes(term, issuers)
            boxes = [
                tuple(map(int.__and__, box, other)) for box, other in itertools.product(boxes, own)
            ]
            boxes = [box for box in boxes if all(box)]
        return boxes

    def _term_boxes(self, term: Term, issuers: TokenIssuers) -> list[Box]:
        attribute = term.attribute
        if attribute.kind is Kind.CLAIM:
            return self._claim_boxes(term, issuers)
        if attribute.kind is Kind.TOKEN_PRINCIPAL:
            return self._principal_boxes(term, issuers)
        place = self._places[attribute]
        mask = self.dimensions[place].classes.mask(term.matchers)
        return self._single(place, self.full[place] & ~mask if term.negated else mask)

    def _single(self, place: int, mask: int) -> list[Box]:
        return [self.box({place: mask})] if mask else []

    def _principal_boxes(self, term: Term, issuers: TokenIssuers) -> list[Box]:
        issuer, subject = self._places[ISSUER], self._places[SUBJECT]
        boxes = []
        for matcher in term.matchers:
            if isinstance(matcher, TokenMatcher):
                of_issuer = self.dimensions[issuer].classes.mask([matcher.issuer])
                of_subject = self.dimensions[subject].classes.mask([matcher.subject])
                of_issuer &= self._verified(issuers)
                if of_issuer and of_subject:
                    boxes.append(self.box({issuer: of_issuer, subject: of_subject}))
        return difference([self.full], boxes) if term.negated else boxes

    def _claim_boxes(self, term: Term, issuers: TokenIssuers) -> list[Box]:
        issuer, verified = self._places[ISSUER], self._verified(issuers)
        attribute = _OF_PRINCIPAL.get(term.attribute.name)
        if attribute is not None:
            place = self._places[attribute]
            masks = {place: self.dimensions[place].classes.mask(term.matchers)}
            masks[issuer] = masks.get(issuer, self.full[issuer]) & verified
            boxes = [self.box(masks)] if all(masks.values()) else []
            return difference([self.full], boxes) if term.negated else boxes
        classes, places = self._elements[term.attribute]
        mask = classes.mask(term.matchers)
        elements = [place for number, place in places.items() if mask >> number & 1]
        if term.negated:
            unverified = self.full[issuer] & ~verified
            none = self.box(dict.fromkeys(elements, 1))
            return [none, *self._single(issuer, unverified)]
        return [self.box({place: 2, issuer: verified}) for place in elements] if verified else []

    def box_of(self, values: Mapping[Attribute, str]) -> Box:
        """All calls in which these attributes have these values, all others any."""
        masks: dict[int, int] = {}
        for place, dimension in enumerate(self.dimensions):
            value = values.get(dimension.attribute)
            if value is None:
                continue
            mask = self.full[place]
            for matcher, covered in dimension.classes.masks.items():
                mask &= covered if matcher.matches(value) else ~covered
            masks[place] = mask
        return self.box(masks)

    def witness(self, box: Box) -> Witness:
        """A concrete call in a box, the nicest of its classes in each dimension."""
        values: dict[Attribute, Value] = {}
        elements: dict[Attribute, list[str]] = {}
        bound = set()
        for dimension, mask, full in zip(self.dimensions, box, self.full, strict=True):
            first = (mask & -mask).bit_length() - 1
            value = dimension.classes.witnesses[first]
            if mask != full:
                bound.add(dimension.attribute)
            if dimension.element is None:
                values[dimension.attribute] = value
            elif first:
                elements.setdefault(dimension.attribute, []).append(dimension.element)
        return _witness(values, elements, frozenset(bound))


def _witness(
    values: Mapping[Attribute, Value],
    elements: Mapping[Attribute, Sequence[str]],
    bound: frozenset[Attribute],
) -> Witness:
    def text(kind: Kind, fallback: str) -> str:
        value = values.get(Attribute(kind))
        return value if isinstance(value, str) else fallback

    def address(kind: Kind) -> Address | None:
        value = values.get(Attribute(kind))
        return value if isinstance(value, Address) else None

    headers = {
        attribute.name: value
        for attribute, value in values.items()
        if attribute.kind is Kind.HEADER and isinstance(value, str)
    }
    remote = address(Kind.REMOTE_IP)
    if remote is not None:
        headers["x-forwarded-for"] = str(remote)
    request = Request(
        text(Kind.METHOD, "GET"),
        text(Kind.PATH, text(Kind.PATH_AND_QUERY, "/")),
        text(Kind.HOST, text(Kind.AUTHORITY, "server")),
        headers,
        _token(values, elements),
    )
    return Witness(request, address(Kind.SOURCE_IP), address(Kind.DESTINATION_IP), bound)


def _token(
    values: Mapping[Attribute, Value], elements: Mapping[Attribute, Sequence[str]]
) -> dict[str, JSON] | None:
    issuer = values.get(ISSUER)
    if issuer is None:
        return None
    token: dict[str, JSON] = {"iss": issuer}
    if values.get(SUBJECT) is not None:
        token["sub"] = values[SUBJECT]
    for attribute, texts in elements.items():
        *outer, name = attribute.claim
        node = token
        for part in outer:
            node = node.setdefault(part, {})
        # A text may be split at spaces, a list never is.
        is_word = len(texts) == 1 and texts[0].split() == [texts[0]]
        node[name] = texts[0] if is_word else list(texts)
    return token


def _order(attribute: Attribute) -> tuple[int, str]:
    """The order of dimensions, which is also that of words in a description."""
    return list(Kind).index(attribute.kind), attribute.name
