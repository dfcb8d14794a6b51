"""Manifests are read as the API server reads them, and bad ones are refused in plain words."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.errors import BuildError
from meshgate.source.program import _from_wheel
from meshgate.yamldoc import fast_yaml, files
from meshgate.yamldoc import text as texts
from meshgate.yamldoc.nodes import compose
from meshgate.yamldoc.values import value_of
from places import REPOSITORY

pytestmark = pytest.mark.sampled(every=2)

# As written in YAML; what each means is asked of kubectl, not written down here.
WORDS = """
y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE tRUE yEs
~ null Null NULL nuLL
0 1 -1 +12 -0 -0.0 10 010 -010 +010 0o10 +0o10 0O10 0o8 0888 0_8 08 1_000 1__0 _1 1_ 0x1F 0X1f
-0x1 0x_1 0xg 0b11 -0b11 0B11 0b12 0_b1 0x 0b 0o
1.10 1.0 1.5 .5 5. 1.e5 1e3 1E3 1e+3 12e 12e4567 1e21 1e400 0.1 1.23456789012345678 .1_0 1_0.5
1._5 ._5 .e3 .5e3 -.5 +.5 .
9223372036854775807 9223372036854775808 18446744073709551615 99999999999999999999
-9223372036854775808 -9223372036854775809 0xFFFFFFFFFFFFFFFFFF
12:30 12:30:45 1:1 190:20:30 2024-01-01 2024-1-1 2024-01-01T00:00:00Z
2001-12-14t21:59:43.10-05:00 .inF .iNf nan inf = << == +.inF 0x1p-2 1e
8080/tcp a.b.c/d v1 1.31 1.2.3 10.0.0.1 10.0.0.0/8
"""
SCALARS = [*WORDS.split(), "9" * 80]
QUOTED = ['"yes"', "'010'", '"1.10"', '"~"', "''", '""', '"a\\nb"', '"\\x41\\u263a"', "'it''s'"]
TAGGED = ["!!str 12", '!!int "12"', "!!float 3", "!!binary aGk=", "!!bool yes", "!!null ''"]
REFUSED = [".inf", "-.inf", "+.Inf", ".nan", ".NaN"]


def scalar_table() -> dict[str, str]:
    return {f"k{index}": text for index, text in enumerate([*SCALARS, *QUOTED, *TAGGED])}


def told_by_kubectl(manifest: str, folder: Path) -> Any:
    """The object as Kubernetes' own code reads it."""
    file = folder / "given.yaml"
    file.write_text(manifest, encoding="utf-8")
    done = subprocess.run(
        [_from_wheel(), "label", "--local", "-f", file, "told=x", "-o", "json"],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        return None
    told = json.loads(done.stdout)
    del told["metadata"]["labels"]["told"]
    return told


def one(text: str) -> Any:
    (resource,) = source.read(text.encode(), "f.yaml").resources
    return resource.value


def refusal(content: bytes | str) -> BuildError:
    with pytest.raises(BuildError) as caught:
        source.read(content if isinstance(content, bytes) else content.encode(), "f.yaml")
    assert "f.yaml" in caught.value.what
    return caught.value


HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {}}\nspec:\n"


def test_scalars_mean_what_they_mean_to_kubectl(tmp_path: Path) -> None:
    table = scalar_table()
    manifest = HEAD + "".join(f"  {key}: {text}\n" for key, text in table.items())

    told = told_by_kubectl(manifest, tmp_path)["spec"]

    ours = one(manifest)["spec"]
    differences = {
        table[key]: (ours[key], told[key])
        for key in table
        if (ours[key], type(ours[key])) != (told[key], type(told[key]))
        # kubectl prints a large number with other digits than it was read with.
        and not (abs(float(told[key])) > 2**53 and math.isclose(told[key], ours[key]))
    }
    assert differences == {}


@pytest.mark.parametrize(
    "keys",
    ["8080: x", "010: x", "true: x", "yes: x", "1_0: x", '"y": x', "n: x", "0x1F: x"],
)
def test_keys_become_text_as_in_kubectl(keys: str, tmp_path: Path) -> None:
    manifest = f"{HEAD}  {keys}\n"

    assert one(manifest) == told_by_kubectl(manifest, tmp_path)


@pytest.mark.parametrize(
    "spec",
    [
        "{a: &a {x: 1}, b: *a}",
        "{a: &a {x: 1}, b: {<<: *a, x: 2}}",
        "{a: &a {x: 1}, b: {x: 2, <<: *a}}",
        "{a: &a {x: 1, y: 1}, b: &b {x: 2}, c: {<<: [*a, *b]}}",
        "{a: &a {x: 1, y: 1}, b: &b {x: 2}, c: {<<: [*b, *a], y: 3}}",
        "{a: &a [1], b: {'<<': *a}}",
        "{a: |\n    x\n     y\n\n    z\n  , b: 1}",
        "{a: >-\n    x\n    y\n  , b: 1}",
        "{a: 'x\n\n    y', b: plain\n    more}",
        "[1.2.3.4, 001:db8::]",
        "{a: {b:}, it's:, c: 1}",
        "[a\n    b::, 12:]",
        "[a:[b]]",
        "[a:?b]",
        "[a:}]",
        "[::]",
    ],
)
def test_collections_mean_what_they_mean_to_kubectl(spec: str, tmp_path: Path) -> None:
    manifest = f"{HEAD}  q: {spec}\n"
    told = told_by_kubectl(manifest, tmp_path)

    if told is None:
        refusal(manifest)
    else:
        assert one(manifest) == told


def test_a_text_with_many_such_colons_is_refused_with_its_line() -> None:
    many = "".join(f"  k{number}: [fd00::]\n" for number in range(11))

    assert len(one(HEAD + many.partition("  k10")[0])["spec"]) == 10
    assert refusal(HEAD + many).what.startswith("f.yaml:15:")


def test_documents_before_such_a_colon_are_read_once() -> None:
    text = f"%YAML 1.1\n---\n{HEAD}  a: 1\n---\n{HEAD}  a: [fd00::]\n"

    assert [r.value["spec"] for r in source.read(text.encode(), "f.yaml").resources] == [
        {"a": 1},
        {"a": ["fd00::"]},
    ]


@pytest.mark.parametrize("text", REFUSED)
def test_what_json_has_not_is_refused(text: str, tmp_path: Path) -> None:
    manifest = f"{HEAD}  a: {text}\n"

    assert told_by_kubectl(manifest, tmp_path) is None
    assert refusal(manifest).what.startswith("f.yaml:5:6: ")


@examples(200)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
        | st.sampled_from(
            [*SCALARS, "a\nb", "a: b", "# x", "- x", "a\tb", " x", "x ", "%a", "---"]
        ),
        lambda children: (
            st.lists(children, max_size=4)
            | st.dictionaries(st.text("abyn0:. ~-", max_size=4), children, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_again(value: Any) -> None:
    resource = source.read(json.dumps({"kind": "A", "q": value}).encode(), "f.yaml").resources[0]

    text = source.dump([resource, resource], comment="a\nb")

    assert [each.value for each in source.read(text.encode(), "f.yaml").resources] == [
        {"kind": "A", "q": value}
    ] * 2


def test_written_text_needs_no_guess(tmp_path: Path) -> None:
    """Every reader takes it alike: PyYAML's own resolver, too."""
    table = {key: text for key, text in scalar_table().items() if text not in TAGGED}
    value = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"a": "b"}}}
    manifest = source.dump(
        [source.read(json.dumps({**value, "spec": table}).encode(), "").resources[0]]
    )

    assert yaml.safe_load(manifest)["spec"] == table
    assert told_by_kubectl(manifest, tmp_path)["spec"] == table


def test_documents_are_counted_where_they_stand() -> None:
    loaded = source.read(
        b"# comment\n---\nkind: A\n---\n---\n# nothing\n---\nkind: B\n...\n---\nkind: C\n", "f.yaml"
    )

    assert [(r.kind, r.origin and r.origin.document) for r in loaded.resources] == [
        ("A", 0),
        ("B", 3),
        ("C", 4),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfkind: A\n---\nkind: B\n",
        b"kind: A\r\n---\r\nkind: B\r\n",
        b"--- {kind: A}\n--- # comment\nkind: B",
        b"%YAML 1.1\n---\nkind: A\n---\nkind: B\n",
        b"kind: A\n...\n---\nkind: B\n...\n",
        b"\n\n# comment\n\nkind: A\n---\n\nkind: B\n---",
        b'{"kind": "A"}\n---\n{"kind": "B"}',
    ],
    ids=["bom", "crlf", "on-the-line", "directive", "dots", "blank", "json"],
)
def test_two_documents(content: bytes) -> None:
    assert [r.value for r in source.read(content, "f.yaml").resources] == [
        {"kind": "A"},
        {"kind": "B"},
    ]


def test_lists_are_their_items() -> None:
    loaded = source.read(
        b"""\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: A, metadata: {name: a}}
- apiVersion: example.com/v1
  kind: BList
  items:
  - metadata: {name: b}
  - {}
- kind: List
  items: []
""",
        "f.yaml",
    )

    assert [(r.api_version, r.kind, r.name) for r in loaded.resources] == [
        ("v1", "A", "a"),
        ("example.com/v1", "B", "b"),
        ("example.com/v1", "B", ""),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "---\n", "# only\n", "- a\n- b\n", "text", "values: {}\n", "kind: List\nitems: null"],
)
def test_what_is_no_object_is_passed_over(text: str) -> None:
    expected = ["List"] if "List" in text else []

    assert [r.kind for r in source.read(text.encode(), "f.yaml").resources] == expected


def test_build_instructions_are_no_objects() -> None:
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n"

    assert source.read(text.encode(), "kustomization.yaml").resources == []


# Bad input


def test_utf_16_is_refused_clearly() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        error = refusal("kind: A\n".encode(encoding))
        assert "UTF-16" in error.what
        assert "UTF-8" in error.hint


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF\x02\x01\x01\0\0",
        b"PNG\xff\xd8",
        b"kind: A\0B",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\0\0\0\x01\x02\x03",
        b"\0asm\x01\0\0\0",
        b"\0\0\x01\0\x01\0\x10\x10\0\0",
        b"\xff\xfe\0\xd8\x01",
    ],
)
def test_binary_files_are_refused(content: bytes) -> None:
    told = refusal(content).what

    assert "UTF-16" not in told
    assert "UTF-8" in told or "NUL" in told


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kind: A\nspec: [\n", "f.yaml:3:1"),
        ("kind: A\n---\nkind: B\n bad: [\n", "f.yaml:4:5"),
        ("kind: A\n---\nkind: {{ .Values.kind }}\nx: y: z\n", "f.yaml:"),
        ("\tkind: A\n", "f.yaml:1:1"),
        ('kind: "\\ud83d"\n', "f.yaml:1:"),
        ("kind: A\nb: *nothing\n", "f.yaml:2:4"),
        ("kind: &a A\n---\nb: *a\n", "f.yaml:3:4"),
        ("? [a]\n: b\n", "f.yaml:1:3"),
        ("~: b\n", "f.yaml:1:1"),
        ("1.5: b\n", "f.yaml:1:1"),
        ("kind: A\nb: {<<: text}\n", "f.yaml:2:9"),
        ("kind: A\nb: !!int text\n", "f.yaml:2:4"),
    ],
)
def test_broken_yaml_is_told_with_its_place(text: str, place: str) -> None:
    assert refusal(text).what.startswith(place)


@pytest.mark.parametrize(
    "text",
    [
        'a: !!python/object/apply:os.system ["true"]',
        "a: !!python/name:os.system ''",
        "a: !ruby/object:Gem {}",
        "a: !!set {b}",
        "a: !!omap [b: c]",
        "!!map/x {a: b}",
        "a: !<tag:example.com,2000:x> y",
    ],
)
def test_tags_that_make_objects_are_refused(text: str) -> None:
    assert "tag" in refusal(text).what


def bomb(width: int, depth: int) -> str:
    first = "a0: &a0 [" + "x," * width + "]"
    rest = (f"a{n}: &a{n} [" + f"*a{n - 1}," * width + "]" for n in range(1, depth))
    return "\n".join((first, *rest))


def test_alias_bombs_end_early() -> None:
    assert "aliases" in refusal(bomb(9, 9)).what
    assert (
        "aliases"
        in refusal("a: &a {b: &b {c: [" + "x," * 50 + "]}}\nd: [" + "*a," * 20_000 + "]").what
    )


def test_some_aliases_are_fine() -> None:
    shared = one("kind: A\na: &a {x: [1, 2]}\nb: *a\nc: *a\n")

    assert shared["b"] == shared["c"] == {"x": [1, 2]}
    assert shared["b"] is not shared["c"]


def test_an_alias_in_its_own_anchor_is_refused() -> None:
    assert "itself" in refusal("a: &a {b: [*a]}\n").what


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested deeper" in refusal(text).what


def test_deep_block_nesting_is_refused() -> None:
    assert "nested deeper" in refusal("".join(" " * n + "a:\n" for n in range(3000))).what


def test_depth_that_manifests_have_is_fine() -> None:
    text = "kind: A\n" + "".join("  " * n + "a:\n" for n in range(40)) + "  " * 40 + "b"

    assert one(text)["kind"] == "A"


def test_control_characters_stay_in_the_value_and_out_of_the_excerpt(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes('kind: A\nmetadata: {name: "a\\u001b[31mb"} # \u202e\u0085\n'.encode())
    (resource,) = source.read_path(tmp_path, file).resources
    locate = source.Locator(tmp_path)
    position = locate(resource, "metadata.name")
    assert position is not None

    assert resource.name == "a\x1b[31mb"
    assert locate.excerpt(position) == 'metadata: {name: "a\\u001b[31mb"} # \\u202e'


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(files.LARGEST_FILE + 1)

    with pytest.raises(BuildError, match="larger than"):
        source.read_path(tmp_path, file)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot read gone\.yaml"):
        source.read_path(tmp_path, tmp_path / "gone.yaml")


# What two readers take differently


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


# The quick way for plain documents

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


# JSON


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


# Folders


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
