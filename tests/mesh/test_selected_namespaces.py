"""The index of namespaces finds what asking each of them finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshgate.mesh.network_policies import LabelPattern, NamespacesByLabel, OpenLabels
from meshgate.mesh.network_policies.label_selectors import Requirement

KEYS, VALUES = st.sampled_from("abc"), st.sampled_from(["", "x", "y"])
LABELS = st.dictionaries(KEYS, VALUES)
OWN = st.one_of(
    LABELS.map(OpenLabels),
    st.builds(OpenLabels, LABELS, st.frozensets(KEYS, max_size=2), st.booleans()),
)
REQUIREMENTS = st.builds(
    Requirement,
    KEYS,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.frozensets(VALUES, max_size=2),
)
PATTERNS = st.builds(
    LabelPattern,
    LABELS.map(lambda pairs: tuple(sorted(pairs.items()))),
    st.lists(REQUIREMENTS, max_size=2).map(tuple),
)


@given(st.lists(OWN, max_size=8), st.lists(PATTERNS, min_size=1, max_size=4))
@examples(150)
def test_it_finds_what_each_namespace_answers(
    owns: list[OpenLabels], patterns: list[LabelPattern]
) -> None:
    labels = {f"n{number}": own for number, own in enumerate(owns)}
    index = NamespacesByLabel(labels)
    for pattern in (*patterns, *patterns):
        expected = [name for name, own in labels.items() if pattern.selects(own) is not False]
        assert list(index.selected(pattern)) == expected
