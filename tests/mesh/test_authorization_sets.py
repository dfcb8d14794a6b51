"""Sets of requests: boxes, classes of values, covers, against brute force."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import authorization_pairs
from examples import examples
from meshgate.mesh.authorization import boxes
from meshgate.mesh.authorization.address_classes import address_classes
from meshgate.mesh.authorization.attributes import Address, Normalization
from meshgate.mesh.authorization.boxes import Box, TooComplexError
from meshgate.mesh.authorization.cover import cover
from meshgate.mesh.authorization.matchers import (
    BlockMatcher,
    Form,
    Matcher,
    TemplateMatcher,
    TextMatcher,
)
from meshgate.mesh.authorization.paths import normalized
from meshgate.mesh.authorization.text_classes import (
    HEADERS,
    HOSTS,
    METHODS,
    Classes,
    paths,
    text_classes,
)
from samples import sample

MODERATE = examples(40)
FULL: Box = (0b111, 0b1111, 0b11)
BOXES = st.tuples(*(st.integers(1, mask) for mask in FULL))
UNIONS = st.lists(BOXES, max_size=6)


def points(union: list[Box]) -> set[Box]:
    """The combinations of classes in a union of boxes."""
    every = itertools.product(*([1 << i for i in range(mask.bit_length())] for mask in FULL))
    return {point for point in every if any(all(map(int.__and__, point, box)) for box in union)}


@MODERATE
@given(UNIONS, UNIONS)
def test_difference_intersection_and_emptiness(first: list[Box], second: list[Box]) -> None:
    assert points(boxes.difference(first, second)) == points(first) - points(second)
    assert points(boxes.intersections(first, second)) == points(first) & points(second)
    for box in first:
        left = boxes.uncovered(box, second)
        assert (left is None) == (points([box]) <= points(second))
        assert left is None or points([left]) <= points([box]) - points(second)


@MODERATE
@given(UNIONS)
def test_disjoint_boxes_are_the_same_set_and_do_not_overlap(union: list[Box]) -> None:
    apart = boxes.disjoint(union)
    assert points(apart) == points(union)
    assert boxes.size(apart) == len(points(union))


@MODERATE
@given(UNIONS)
def test_a_cover_is_exact_and_no_box_of_it_is_idle(union: list[Box]) -> None:
    outside = boxes.difference([FULL], union)
    needed = cover(FULL, union, outside)
    assert points(needed) == points(union)
    for box in needed:
        assert points([other for other in needed if other is not box]) != points(union)


def test_a_set_that_is_too_large_says_so() -> None:
    diagonal = [(1 << place,) * 4 for place in range(24)]
    with pytest.raises(TooComplexError, match="more than 5 parts"):
        boxes.difference([(0xFFFFFF,) * 4], diagonal, limit=5)


PIECES = ["/a", "/a/b", "/", "/b", "a", "b", "/a/", ".b", "/a.b", "ab", "/a/b/a", ".", "/x", "/ax"]
TEMPLATES = ["/{*}", "/a/{*}", "/{**}", "/{*}/a", "/a/{**}/b", "/{*}/{*}", "/a/{**}", "/b/{*}/a/b"]
TEXTS = st.builds(
    TextMatcher, st.sampled_from([Form.EXACT, Form.PREFIX, Form.SUFFIX]), st.sampled_from(PIECES)
)
# All short texts of the characters that the pieces are made of, and some long ones.
TRIED = ["".join(text) for size in range(5) for text in itertools.product("ab/.x", repeat=size)]
TRIED += ["".join(random.Random(seed).choices("aab//.x", k=7)) for seed in range(300)]
PATHS = st.one_of(TEXTS, TEXTS, st.builds(TemplateMatcher, st.sampled_from(TEMPLATES)))


def signature(classes: Classes, place: int) -> frozenset[Matcher]:
    return frozenset(matcher for matcher, mask in classes.masks.items() if mask >> place & 1)


def direct(matchers: list[Matcher], text: str | None) -> frozenset[Matcher]:
    return frozenset(matcher for matcher in matchers if matcher.matches(text))


@MODERATE
@given(st.lists(PATHS, min_size=1, max_size=7, unique=True), st.sampled_from(Normalization))
def test_every_path_has_its_class_and_every_class_its_path(
    matchers: list[Matcher], normalization: Normalization
) -> None:
    classes = text_classes(matchers, paths(normalization))
    signatures = set()
    for place, witness in enumerate(classes.witnesses):
        assert isinstance(witness, str)
        assert normalized(witness, normalization) == witness
        assert direct(matchers, witness) == signature(classes, place)
        signatures.add(signature(classes, place))
    assert len(signatures) == len(classes.witnesses)
    for text in TRIED:
        path = f"/{text}"
        if normalized(path, normalization) == path:
            assert direct(matchers, path) in signatures, path


@MODERATE
@given(st.lists(TEXTS, max_size=6, unique=True), st.booleans())
def test_every_header_has_its_class(texts: list[Matcher], is_present: bool) -> None:
    matchers = [*texts, *([TextMatcher(Form.PRESENT)] if is_present else [])]
    classes = text_classes(matchers, HEADERS)
    signatures = {signature(classes, place) for place in range(len(classes.witnesses))}
    for place, witness in enumerate(classes.witnesses):
        assert witness is None or isinstance(witness, str)
        assert direct(matchers, witness) == signature(classes, place)
    assert None in classes.witnesses
    for text in TRIED:
        assert direct(matchers, text) in signatures


def test_witnesses_are_values_that_people_know() -> None:
    methods = text_classes([TextMatcher(Form.EXACT, "DELETE")], METHODS)
    assert methods.witnesses == ("GET", "DELETE")
    hosts = text_classes([TextMatcher(Form.SUFFIX, ".corp")], HOSTS)
    assert hosts.witnesses == ("server", "x.corp")


def test_characters_that_all_patterns_go_on_with_are_too_many() -> None:
    every = [TextMatcher(Form.PREFIX, char) for char in HEADERS.filler]
    with pytest.raises(TooComplexError, match="every character"):
        text_classes(every, HEADERS)


BLOCKS = st.sampled_from(
    [
        *("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.255.0.0/16", "11.0.0.0/8"),
        *("0.0.0.0", "255.255.255.255", "::/0", "fd00::/8", "fd00::1"),
    ]
)


@MODERATE
@given(st.lists(BLOCKS, max_size=6, unique=True))
def test_every_address_has_its_class(texts: list[str]) -> None:
    matchers: list[Matcher] = [BlockMatcher.of(text) for text in texts]
    classes = address_classes(matchers)
    signatures = {signature(classes, place) for place in range(len(classes.witnesses))}
    for place, witness in enumerate(classes.witnesses):
        assert isinstance(witness, Address)
        assert frozenset(m for m in matchers if m.matches(witness)) == signature(classes, place)
    rng = random.Random(1)
    for _ in range(200):
        octets = (rng.choice([0, 1, 2, 3, 9, 10, 11, 255]) for _ in range(4))
        address = Address.of(".".join(map(str, octets)))
        assert frozenset(m for m in matchers if m.matches(address)) in signatures


@pytest.mark.sampled
@pytest.mark.parametrize("start", range(0, sample(100, 20), 20))
def test_sets_say_what_the_rules_say_one_by_one(start: int) -> None:
    differing = [
        disagreement
        for seed in range(start, start + 20)
        for disagreement in authorization_pairs.disagreements(seed)
    ]
    assert not differing[:5]


def test_a_wrong_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_only(box: Box, hole: Box) -> list[Box]:
        return list(boxes_pieces(box, hole))[:1]

    boxes_pieces = boxes.pieces
    monkeypatch.setattr(boxes, "pieces", first_only)
    differing = [
        disagreement
        for seed in range(10)
        for disagreement in authorization_pairs.disagreements(seed)
    ]
    assert differing


def test_the_runner_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert authorization_pairs.main(["3"]) == 0
    assert re.fullmatch(r"3 pairs, 0 disagreements, \d+ s\n", capsys.readouterr().out)
    assert authorization_pairs.main(["0"]) == 1
