"""What is no manifest, or hostile: refused with its place, early, and never a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import BuildError
from meshgate.yamldoc import files
from read_text import (
    one,
    refusal,
)

pytestmark = pytest.mark.sampled(every=2)


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
