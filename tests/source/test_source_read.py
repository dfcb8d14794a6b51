"""Manifests are read as the API server reads them, and bad ones are refused in plain words."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.source.program import _from_wheel
from read_text import (
    one,
    refusal,
)

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
