"""Files are read with care, and this project's own ones strictly, with the place of each value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshgate.cli import main
from meshgate.cluster.capture.files import before
from meshgate.errors import BuildError, UsageError
from meshgate.model import JSON
from meshgate.promotion.session import given_evidence
from meshgate.yamldoc import document, fast_yaml, files, nodes
from meshgate.yamldoc.nodes import Reader
from meshgate.yamldoc.reading import documents

POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    for name, path in (("pipe.yaml", tmp_path / "pipe.yaml"), ("/dev/zero", Path("/dev/zero"))):
        with pytest.raises(BuildError, match=f"{name} is no regular file"):
            files.read_file(path, name)


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="here is no regular file"):
        files.read_file(tmp_path, "here")
    with pytest.raises(BuildError, match=r"cannot read gone\.yaml: No such file"):
        files.read_file(tmp_path / "gone.yaml", "gone.yaml")


@pytest.mark.parametrize(("limit", "told"), [(2048, "2 KiB"), (files.MEBIBYTE, "1 MiB")])
def test_no_more_than_the_limit_is_read(tmp_path: Path, limit: int, told: str) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * limit)
    (tmp_path / "b.yaml").write_bytes(b"#" * (limit + 1))

    assert len(files.read_file(tmp_path / "a.yaml", "a.yaml", limit)) == limit
    with pytest.raises(BuildError, match=rf"b\.yaml is larger than {told}"):
        files.read_file(tmp_path / "b.yaml", "b.yaml", limit)


def test_a_link_is_followed_inside_the_root_and_not_out_of_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "real.yaml").write_text("a: 1\n")
    (tmp_path / "secret.yaml").write_text("a: 2\n")
    (root / "deep/in.yaml").symlink_to("../real.yaml")
    (root / "deep/out.yaml").symlink_to("../../secret.yaml")
    (root / "aside").symlink_to(tmp_path)

    assert files.read_inside(root, "deep/in.yaml") == b"a: 1\n"
    for name in ("deep/out.yaml", "aside/secret.yaml", "../secret.yaml", "/etc/passwd"):
        with pytest.raises(BuildError, match="leads out of this repository"):
            files.read_inside(root, name)


def test_what_lint_is_given_cannot_hang_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all").mkdir()
    (tmp_path / "all/pa.yaml").write_text(POLICY)
    os.mkfifo(tmp_path / "all/pipe.yaml")

    # In a folder it is told beside what was judged; named by hand it is a mistake of the command.
    for given_path, code in (("all", 1), ("all/pipe.yaml", UsageError.exit_code)):
        assert main(["lint", given_path]) == code
        assert "all/pipe.yaml is no regular file" in capsys.readouterr().out.replace("\n", " ")


def test_lint_reads_no_file_that_a_link_leads_out_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all").mkdir()
    (tmp_path / "elsewhere.yaml").write_text(POLICY)
    (tmp_path / "all/pa.yaml").symlink_to("../elsewhere.yaml")

    assert main(["lint", "all"]) == 1
    assert "leads out" in capsys.readouterr().out
    assert main(["lint", "all/pa.yaml"]) == 0


@pytest.mark.parametrize("name", ["promotion/toolchain.yaml", "inventory/dev/pods.yaml"])
def test_a_pipe_among_a_repository_s_files_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    environment = document.parse((tmp_path / "environments.yaml").read_bytes(), "e").value
    name = name.replace("dev", environment["environments"][0]["name"])
    pipe = tmp_path / name
    pipe.parent.mkdir(parents=True, exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    capsys.readouterr()

    assert main(["validate", "--no-cache"]) == BuildError.exit_code
    assert f"{name} is no regular file" in capsys.readouterr().err


# Core of YAML 1.2, https://yaml.org/spec/1.2.2/#103-core-schema, without its octal and hexadecimal.
CORE: dict[str, JSON] = {
    "yes": "yes",
    "True": "True",
    "NULL": "NULL",
    "010": "010",
    "0x1F": "0x1F",
    "1e5": "1e5",
    "2027-01-31": "2027-01-31",
    "12:30": "12:30",
    "+1": "+1",
    "9999999999999999999": "9999999999999999999",
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    "8080": 8080,
    "-1": -1,
    "1.31": 1.31,
    "'8080'": "8080",
}


@pytest.mark.parametrize("flow", [False, True])
def test_scalars_of_our_own_files_are_those_of_json(*, flow: bool) -> None:
    for text, value in CORE.items():
        given_text = f"{{a: {text}}}" if flow else f"a: {text}\n"
        read = document.parse(given_text, "f.yaml").value["a"]
        assert (read, type(read)) == (value, type(value)), text


REFUSED = {
    "a: [\n": "f.yaml:2:1: not valid YAML",
    "a: 1\nb:\n  c: 1\n  c: 2\n": "f.yaml:4:3: the key 'c' is here twice",
    '{"a": {"b": 1, "b": 2}}': "f.yaml:1:16: the key 'b' is here twice",
    "a: !!str x\n": "f.yaml:1:4: the tag",
    "a: !!map {}\n": "f.yaml:1:4: the tag",
    "!!str a: 1\n": "f.yaml:1:1: the tag",
    "a: !own {}\n": "f.yaml:1:4: the tag",
    "b: &b {c: 1}\na:\n  <<: *b\n": "f.yaml:3:3: `<<` merges nothing here",
    "a: 1\n---\nb: 1\n": "f.yaml:2:1: a second document",
    '{"a": 1}{"b": 1}': "a second document",
    "a: " + "[" * 9999: "nested deeper than 100 levels",
    "a:\n" + "- " * 9999: "nested deeper than 100 levels",
    "? [a]\n: b\n": "f.yaml:1:3: a key that is not text",
    "a: *b\n": "f.yaml:1:4: not valid YAML: found undefined alias",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: str(text)[:20].encode())
def test_what_could_be_read_otherwise_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BuildError) as caught:
        document.parse(text, "f.yaml")
    assert REFUSED[text] in caught.value.what


def test_more_values_than_any_configuration_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_NODES", 1000)

    assert document.parse("a: [" + "1," * 900 + "1]", "f.yaml").value
    with pytest.raises(BuildError, match=r"f\.yaml: more than 1,000 values"):
        document.parse("a: [" + "1," * 1000 + "1]", "f.yaml")


TEXT = """\
# A comment
first: &one
  list:
    - a
    -   b: 1
        c: [x, {d: 2}]
again: *one
"""


def test_every_key_and_item_has_its_place() -> None:
    read = document.parse(TEXT, "f.yaml")

    places = {
        ("first",): (2, 1),
        ("first", "list", 0): (4, 7),
        ("first", "list", 1, "c"): (6, 9),
        ("first", "list", 1, "c", 1, "d"): (6, 17),
        ("again",): (7, 1),
        ("again", "list", 0): (4, 7),
        ("first", "gone", 0): (2, 1),
        ("gone",): (1, 1),
    }
    assert {path: read.at(path)[1:] for path in places} == places
    assert read.place(read.value["first"]["list"], 1)[1:] == (5, 9)
    assert document.Document("", {}).at(["a"])[1:] == (1, 1)


WORDS = st.text(alphabet="abcYyNn01~.-:# '\"é", max_size=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), WORDS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(WORDS, below, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4), st.booleans())
def test_what_another_writer_writes_is_read_as_it_was(value: JSON, flow: bool) -> None:
    # Every text is quoted, since PyYAML takes other scalars for text than we do.
    text = yaml.dump(value, default_style='"', default_flow_style=flow, allow_unicode=True)
    text = text.replace("!!null ", "").replace("!!bool ", "").replace("!!int ", "")
    read = document.parse(text, "f.yaml").value

    assert read == as_text(value)


def as_text(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@pytest.mark.parametrize("scalar", [*CORE, "a", "a.b/c", "1.10", "No", "TRUE"])
def test_what_is_read_by_line_is_the_same_to_every_reader(scalar: str) -> None:
    text = f"a: {scalar}\nb:\n- {scalar}\n"
    if (value := fast_yaml.value(text)) is None:
        return
    flow = f"{{a: {scalar}, b: [{scalar}]}}"
    for reader in Reader:
        assert [read.value for read in documents(flow, "f.yaml", reader)] == [value]


def test_a_pipe_among_evidence_or_an_inventory_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "inventory/dev").mkdir(parents=True)
    os.mkfifo(tmp_path / "inventory/dev/e.json")
    os.mkfifo(tmp_path / "inventory/dev/e.yaml")

    with pytest.raises(UsageError, match="is no regular file"):
        given_evidence({"probe": tmp_path / "inventory/dev"})
    with pytest.raises(BuildError, match=r"inventory/dev/e\.yaml is no regular file"):
        before(tmp_path, "dev")
