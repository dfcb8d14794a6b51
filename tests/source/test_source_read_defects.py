"""What two readers of a file take differently, and the places of it; JSON and inventories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.errors import BuildError
from meshgate.yamldoc import fast_yaml
from meshgate.yamldoc import text as texts
from meshgate.yamldoc.nodes import compose
from meshgate.yamldoc.values import value_of
from places import REPOSITORY
from read_text import (
    one,
    refusal,
)

pytestmark = pytest.mark.sampled(every=2)


def defects(text: str) -> list[tuple[str, str, str, int, int]]:
    return [
        (d.kind, d.path, d.detail, d.position.line, d.position.column)
        for d in source.read(text.encode(), "f.yaml").defects
    ]


def test_duplicate_keys_are_kept_with_both_places() -> None:
    text = "kind: A\nspec:\n  a: 1\n  b: 2\n  a: 3\n---\nkind: B\nkind: C\n"
    loaded = source.read(text.encode(), "f.yaml")

    assert [r.value for r in loaded.resources] == [
        {"kind": "A", "spec": {"a": 3, "b": 2}},
        {"kind": "C"},
    ]
    assert [
        (d.path, d.position[1:], d.first and d.first[1:], d.origin.document) for d in loaded.defects
    ] == [
        ("spec.a", (5, 3), (3, 3), 0),
        ("kind", (8, 1), (7, 1), 1),
    ]


def test_integer_keys_are_told_in_port_level_mtls_only() -> None:
    text = "kind: A\nspec:\n  portLevelMtls:\n    8080: {mode: STRICT}\n    '9090': {}\n  8080: x\n"

    assert defects(text) == [("integer-key", "spec.portLevelMtls.8080", "8080", 4, 5)]
    assert one(text)["spec"]["portLevelMtls"] == {"8080": {"mode": "STRICT"}, "9090": {}}


def test_an_integer_key_and_its_text_are_one_key() -> None:
    text = "kind: A\nspec:\n  portLevelMtls: {8080: {}, '8080': {}}\n"

    assert [kind for kind, *_ in defects(text)] == ["integer-key", "duplicate-key"]


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "no",
        "Off",
        "010",
        "0x1F",
        "12:30",
        "1.10",
        "1e3",
        "12e4567",
        "1_000",
        "2024-01-01",
        ".5",
    ],
)
def test_ambiguous_scalars_are_told_where_text_is_meant(text: str) -> None:
    found = defects(f"kind: A\nmetadata: {{name: x, labels: {{v: {text}}}}}\nspec: {{a: {text}}}\n")

    assert found == [("ambiguous-scalar", "metadata.labels.v", text, 2, 33)]


@pytest.mark.parametrize(
    "text", ["'y'", '"1.10"', "true", "8080", "v1", "1.2.3", "null", "a:b", "10.0.0.1"]
)
def test_clear_scalars_are_not_told(text: str) -> None:
    assert defects(f"kind: A\nmetadata: {{name: x, labels: {{v: {text}}}}}\n") == []


@pytest.mark.parametrize(
    "path",
    [
        "metadata: {name: no}",
        "metadata: {namespace: 1.10}",
        "spec: {host: 010}",
        "spec: {hosts: [x, 12:30]}",
        "spec: {exportTo: [y]}",
        "spec: {subsets: [{name: 1.10}]}",
        "spec: {subsets: [{name: x, labels: {version: 1.10}}]}",
        "spec: {selector: {matchLabels: {version: 1.10}}}",
        "spec: {selector: {version: 1.10}}",
        "spec: {trafficPolicy: {tls: {sni: no}}}",
        "spec: {mtls: {mode: off}}",
    ],
)
def test_fields_with_text(path: str) -> None:
    assert [kind for kind, *_ in defects(f"kind: A\n{path}\n")] == ["ambiguous-scalar"]


def test_a_merge_that_overrules_a_key_is_told() -> None:
    text = "kind: A\na: &a {x: 1}\nb: {x: 2, <<: *a}\nc: {<<: *a, x: 2}\n"

    assert [(kind, path) for kind, path, *_ in defects(text)] == [("duplicate-key", "b.x")]


FRAGMENTS = """\
a: b|a:|b:|c: 1|- x|- a: b|- a:|- 1|d: true|'e': f|"8080": g|a: b: c|a : b|a:b|- - x|-|? a
a: >-|a: &b c|a: *b|a: !!str 1|# comment|a: b # comment|a: b#c|| |a: 'b'|a: "b"|a: 'it''s'
a: "\\x41"|a: {}|a: []|a: {b: c}|a: [b, c]|y: z|a: no|a: 010|a: 12:30|a: 1.10|a: ~|a: null
a: b c|a: b  c|- a: b |a: -1|a: - b|a: .5|a: http://b/c|text|a: b,c|a: *.b|a: b*|a: @b|a: %b
a: =|<<: a|a: <<|a: \u00e4|a: b\r|a:\tb|\ta: b|---|...|a: b&c|a: b - c|a: b: |a: :b|a: b:
aa/b.c-d: e|a: b(c) <d>|1: a|_a: b|-1: a|a: ''|a: 'b' c|a: ,|a: ]|null: a|a: b %c|- "a"
- 'a': b|- 1.5|a: 0|a: 1e400|a: b\x0b|"a" : b|"a":b
""".replace("\n", "|").split("|")
LINES = st.tuples(st.integers(0, 6), st.sampled_from([*FRAGMENTS, "a: |", "- |"]))


@examples(500)
@given(st.lists(LINES, min_size=1, max_size=7), st.sampled_from(["", "---\n"]))
def test_plain_documents_are_read_as_the_parser_reads_them(
    lines: list[tuple[int, str]], start: str
) -> None:
    text = start + "\n".join(" " * indent + line for indent, line in lines)
    value = fast_yaml.value(text)
    if value is None:
        return
    (node,) = compose(text, "f.yaml")

    parsed, odd = value_of(node, "f.yaml", aliases=True)

    assert json.dumps(value) == json.dumps(parsed)
    assert not odd


def test_this_repository_is_read_as_the_parser_reads_it() -> None:
    quick = 0
    for file in sorted(REPOSITORY.rglob("*.yaml")):
        try:
            text = texts.decoded(file.read_bytes(), file.name)
        except (BuildError, OSError):
            continue  # a test's own bad input
        for piece in texts.pieces(text):
            value = fast_yaml.value(piece.text)
            if value is not None:
                (node,) = compose(piece.text, file.name)
                parsed = value_of(node, file.name, aliases=True)
                assert (json.dumps(value), False) == (json.dumps(parsed[0]), parsed[1]), file
                quick += 1
    assert quick > 50


def test_json_is_read_as_json() -> None:
    text = '{"kind": "A", "b": "\\ud83d\\ude00", "d": 18446744073709551615}'

    assert one(text) == {"kind": "A", "b": "\U0001f600", "d": 2.0**64}


def test_json_one_after_another() -> None:
    loaded = source.read(b'{"kind": "A"}\n{"kind": "B"} {"kind": "C"}\n', "f.json")

    assert [(r.kind, r.origin and r.origin.document) for r in loaded.resources] == [
        ("A", 0),
        ("B", 1),
        ("C", 2),
    ]


def test_duplicate_keys_in_json_are_told() -> None:
    assert defects('{"kind": "A",\n "b": {"c": 1, "c": 2}}') == [
        ("duplicate-key", "b.c", "c", 2, 16)
    ]


def test_deep_json_is_refused() -> None:
    assert "nested deeper" in refusal('{"a":' * 300 + "1" + "}" * 300).what
    assert "nested deeper" in refusal('{"a":' * 90_000 + "1" + "}" * 90_000).what


def test_a_folder_is_read_as_foreign_objects(tmp_path: Path) -> None:
    folder = tmp_path / "inventory" / "dev"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.yaml").write_text("kind: B\n", encoding="utf-8")
    (folder / "deep" / "a.yml").write_text("kind: A\n---\nkind: C\n", encoding="utf-8")
    (folder / "README.md").write_text("kind: D\n", encoding="utf-8")

    found = source.read_folder(tmp_path, "inventory/dev")

    assert [(r.kind, r.foreign, r.origin and r.origin.file) for r in found] == [
        ("B", True, "inventory/dev/b.yaml"),
        ("A", True, "inventory/dev/deep/a.yml"),
        ("C", True, "inventory/dev/deep/a.yml"),
    ]
    assert source.read_folder(tmp_path, "inventory/prod") == []


def test_an_inventory_that_two_readers_take_differently_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: A\nkind: B\n", encoding="utf-8")

    with pytest.raises(BuildError, match=r"a\.yaml:2: kind stands here a second time"):
        source.read_folder(tmp_path, ".")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "a.yaml",
            "kind: A\n---\nhello\n",
            "document 2 is, or lists, no Kubernetes object",
        ),
        ("a.yaml", "metadata: {name: x}\n", "document 1 is, or lists"),
        ("a.yaml", "- {apiVersion: v1, kind: Service}\n", "document 1 is, or lists"),
        ("a.yaml", "kind: List\nitems: [{kind: A}, null]\n", "document 1 is, or lists"),
        ("a.yaml", "kind: ServiceList\nitems: [x]\n", "document 1 is, or lists"),
        ("a.yaml.bak", "kind: A\n", "is no manifest by its name"),
        ("deep/a.txt", "kind: A\n", "deep/a.txt is no manifest by its name"),
    ],
)
def test_nothing_in_an_inventory_is_passed_over(
    tmp_path: Path, file: str, text: str, told: str
) -> None:
    path = tmp_path / "inventory" / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BuildError, match=told):
        source.read_folder(tmp_path, "inventory")


def test_a_suffix_in_capitals_is_one(tmp_path: Path) -> None:
    (tmp_path / "A.YAML").write_text("kind: A\n", encoding="utf-8")

    assert [found.kind for found in source.read_folder(tmp_path, ".")] == ["A"]


@pytest.mark.parametrize("link", ["inventory", "inventory/dev", "inventory/dev.yaml"])
def test_links_in_an_inventory_are_refused(tmp_path: Path, link: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.yaml").write_text("kind: A\n", encoding="utf-8")
    (tmp_path / link).parent.mkdir(exist_ok=True)
    target = tmp_path / "there"
    (tmp_path / link).symlink_to(target / "a.yaml" if link.endswith(".yaml") else target)

    with pytest.raises(BuildError, match=f"{link} is a link"):
        source.read_folder(tmp_path, "inventory")


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200) | st.text("ab:-{}[]&*!|>'\"#%@,? \n\t01", max_size=120).map(str.encode)
)
def test_any_bytes_end_in_resources_or_a_refusal(content: bytes) -> None:
    try:
        loaded = source.read(content, "f.yaml")
    except BuildError as error:
        assert "f.yaml" in error.what  # noqa: PT017 - both ends are right
    else:
        json.dumps([resource.value for resource in loaded.resources])
