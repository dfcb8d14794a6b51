"""An audit finds every byte that is not as promotion wrote it, and names the file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from examples import examples
from meshgate.cli import main
from meshgate.config.shape import schema
from meshgate.errors import ToolError
from meshgate.promotion.audit import AuditFault, Renders, faults, foreign
from meshgate.promotion.environment_state import Event, Hold
from meshgate.promotion.files import (
    File,
    at_commit,
    contents,
    in_folder,
    ledger_folder,
    sha256,
    state_path,
)
from meshgate.promotion.ledger import read_files, read_ledger, record_bytes, state_bytes, state_of
from meshgate.promotion.rollback import held_by_rollback
from meshgate.repository import Repository
from promoted import PINNED, START, STRICT, Promoted, commit, git, promote, write
from promotion_samples import replace

pytestmark = pytest.mark.sampled(every=2)


class Prepared(NamedTuple):
    """The files of the shared repository, and its renders."""

    files: dict[str, File]
    renders: Renders

    def faults(self, files: Mapping[str, File]) -> list[AuditFault]:
        found = list(foreign(files, PINNED))
        for environment in PINNED:
            own = contents(files)
            found += faults(read_files(environment, own), self.renders)
        return found


@pytest.fixture(scope="module")
def prepared(promoted_once: Promoted) -> Iterator[Prepared]:
    with Repository(promoted_once.folder) as repository:
        yield Prepared(at_commit(repository, "HEAD"), Renders(repository, None))


def cli(folder: Path, *arguments: str) -> int:
    return main(["-C", str(folder), "audit", *arguments])


def flipped(content: bytes, index: int, bits: int) -> bytes:
    index %= len(content)
    return content[:index] + bytes([content[index] ^ bits]) + content[index + 1 :]


def test_what_was_promoted_is_whole(prepared: Prepared, promoted_once: Promoted) -> None:
    assert prepared.faults(prepared.files) == []
    assert in_folder(promoted_once.folder) == prepared.files


@examples(300)
@given(data=st.data())
def test_any_changed_byte_is_found(prepared: Prepared, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(prepared.files)))
    mode, content = prepared.files[path]
    index = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.sampled_from(["flip", "insert", "delete", "cut", "any"]))
    if change == "flip":
        content = flipped(content, index, data.draw(st.integers(1, 255)))
    elif change == "insert":
        content = content[:index] + data.draw(st.binary(min_size=1, max_size=4)) + content[index:]
    elif change == "delete":
        content = content[:index] + content[index + 1 :]
    elif change == "cut":
        content = content[:index]
    else:
        content = data.draw(st.binary().filter(lambda drawn: drawn != content))

    found = prepared.faults({**prepared.files, path: File(mode, content)})

    assert any(path in f"{fault.file} {fault.what}" for fault in found), found


@examples(60)
@given(data=st.data())
def test_any_other_file_is_found(prepared: Prepared, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(prepared.files)))
    files = dict(prepared.files)
    change = data.draw(st.sampled_from(["mode", "link", "remove", "add", "rename"]))
    if change == "mode":
        files[path] = files[path]._replace(mode="100755")
    elif change == "link":
        files[path] = File("120000", b"../x")
    elif change == "remove":
        del files[path]
    else:
        folder, _, name = path.rpartition("/")
        new = data.draw(
            st.sampled_from(
                [f"{folder}/x-{name}", f"{folder}/sub/{name}", f"{path}~", "rendered/x"]
            )
        )
        files[new] = files.pop(path) if change == "rename" else files[path]

    assert prepared.faults(files)


def test_a_swap_of_two_environments_is_found(prepared: Prepared) -> None:
    """Each file is whole, and not where it was written."""
    one, other = state_path("staging"), state_path("prod")
    files = {**prepared.files, one: prepared.files[other], other: prepared.files[one]}
    assert {fault.file for fault in prepared.faults(files)} == {one, other}
    old = {path: file for path, file in prepared.files.items() if "staging" not in path}
    assert prepared.faults(old) == []  # what history is for: see test_a_lost_environment


def test_a_forged_state_does_not_help(prepared: Prepared) -> None:
    """Whoever can write can also compute a digest; the ledger and the render still tell."""
    recorded = read_ledger(contents(prepared.files), "prod")[-1]
    state = state_of(recorded.record, recorded.sha256)
    path = state_path("prod")
    for forged in (
        replace(state, rejected=("r-000000000000",)),
        replace(state, hold=Hold(START, "me", "x")),
        replace(state, sequence=2),
        replace(state, alias="other"),
    ):
        files = {**prepared.files, path: File("100644", state_bytes(forged))}
        assert any(fault.file == path for fault in prepared.faults(files))
    rendered = replace(state.rendered, sha256="0" * 64)
    record = replace(recorded.record, rendered=rendered)
    content = record_bytes(record)
    files = {
        **prepared.files,
        record.path: File("100644", content),
        path: File("100644", state_bytes(state_of(record, sha256(content)))),
    }
    assert [fault.file for fault in prepared.faults(files)] == [record.path]


class TestCommand:
    def test_clean(self, promoted_once: Promoted, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli(promoted_once.folder, "--deep") == 0
        told = capsys.readouterr().out
        assert "Everything is as promotion wrote it." in told
        assert told.count("whole") == 2

    @pytest.mark.parametrize("folder", ["rendered", "promotion/state", "promotion/ledger"])
    @pytest.mark.parametrize("bits", [1, 0x80])
    def test_one_byte_ends_with_11(
        self, promoted: Promoted, folder: str, bits: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for number, file in enumerate(sorted((promoted.folder / folder).rglob("*.yaml"))):
            content = file.read_bytes()
            file.write_bytes(flipped(content, 40 * number, bits))
            assert cli(promoted.folder) == 11
            assert file.relative_to(promoted.folder).as_posix() in capsys.readouterr().out
            file.write_bytes(content)
        assert cli(promoted.folder) == 0

    def test_it_says_what_differs(
        self, promoted: Promoted, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = "rendered/staging/istio-system/peerauthentication-default.yaml"
        text = (promoted.folder / file).read_text()
        write(promoted.folder, {file: text.replace("STRICT", "DISABLE")})

        assert cli(promoted.folder) == 11

        told = capsys.readouterr().out
        assert f"{file}: was changed" in told
        assert (
            f"line 8 is `mode: DISABLE`, and {promoted.second[:10]} renders `mode: STRICT`" in told
        )
        assert "meshgate adopt staging --again" in told

    def test_json(self, promoted: Promoted, capsys: pytest.CaptureFixture[str]) -> None:
        (promoted.folder / state_path("prod")).write_text("broken: [")
        assert cli(promoted.folder) == 11
        assert "adopt" not in capsys.readouterr().out
        assert cli(promoted.folder, "--format", "json") == 11
        found = json.loads(capsys.readouterr().out)
        jsonschema.validate(found, schema("audit"))
        assert [fault["file"] for fault in found["faults"]] == [state_path("prod")]

    def test_nothing_adopted_is_no_pass(self, promoted: Promoted) -> None:
        git(promoted.folder, "checkout", "-q", promoted.first)
        assert cli(promoted.folder) == 5

    def test_a_lost_environment(
        self, promoted: Promoted, capsys: pytest.CaptureFixture[str]
    ) -> None:
        git(promoted.folder, "rm", "-rq", "rendered/prod", "promotion/state/prod.yaml")
        git(promoted.folder, "rm", "-rq", ledger_folder("prod"))
        commit(promoted.folder, {}, "away with it", day=9)
        assert cli(promoted.folder) == 11
        assert "promotion/state/prod.yaml: is missing" in capsys.readouterr().out

    def test_an_environment_that_is_no_longer_pinned_leaves_nothing(
        self, promoted: Promoted
    ) -> None:
        text = (promoted.folder / "environments.yaml").read_text()
        start, _, rest = text.partition("- name: prod")
        floating = rest.replace("pinned", "floating").partition("    gates:")[0]
        write(promoted.folder, {"environments.yaml": f"{start}- name: prod{floating}"})
        assert cli(promoted.folder) == 11

    def test_one_environment_alone(self, promoted: Promoted) -> None:
        """What lies with another one, or with none, is the others' matter."""
        write(promoted.folder, {"rendered/README": "x", "promotion/ledger/staging/x": "x"})
        assert cli(promoted.folder, "prod") == 0
        assert cli(promoted.folder, "staging") == cli(promoted.folder) == 11


class TestDeep:
    @pytest.mark.parametrize("field", ["commit: ", "overlay: ", "toolchain: "])
    def test_a_record_whose_source_cannot_be_read_is_a_fault_and_no_failure(
        self, promoted: Promoted, field: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for file in (promoted.folder / "promotion/ledger").rglob("*.yaml"):
            text = file.read_text()
            start = text.index(field) + len(field)
            other = "1" if text[start] != "1" else "2"
            file.write_text(text[:start] + other + text[start + 1 :])
            assert cli(promoted.folder, "--deep") == 11
            assert f"{file.name}: is not what" in capsys.readouterr().out
            file.write_text(text)
        assert cli(promoted.folder, "--deep") == 0

    def test_a_renderer_that_is_not_there_hides_no_fault(
        self, promoted: Promoted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise ToolError("kustomize 5.8.1 is wanted")

        monkeypatch.setattr("meshgate.source.program._renderer", refuse)
        assert cli(promoted.folder, "--no-cache") == 4
        state = promoted.folder / state_path("prod")
        state.write_bytes(state.read_bytes() + b"#")
        assert cli(promoted.folder, "--no-cache") == 11

    def test_an_old_record_is_rendered_again(
        self, promoted: Promoted, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A chain that was computed anew, with a render that its source never gave."""
        folder = promoted.folder
        records = read_ledger(contents(in_folder(folder)), "staging")
        first = replace(
            records[0].record,
            rendered=replace(records[0].record.rendered, sha256="0" * 64),
        )
        link = structs.replace(records[0], sha256=sha256(record_bytes(first))).link
        second = replace(records[1].record, previous=link)
        content = record_bytes(second)
        (folder / first.path).write_bytes(record_bytes(first))
        (folder / second.path).write_bytes(content)
        state = state_of(second, sha256(content))
        (folder / state_path("staging")).write_bytes(state_bytes(state))
        commit(folder, {}, "forged", day=9)

        assert cli(folder) == 0  # nothing of today is wrong
        assert cli(folder, "--deep") == 11
        told = capsys.readouterr().out
        assert f"{first.path}: is not what" in told
        assert f"{first.path}: its source {promoted.first[:10]} renders something else" in told
        assert f"{second.path}: is not what" in told

    def test_a_record_that_no_commit_has(self, promoted: Promoted) -> None:
        folder = promoted.folder
        head = git(folder, "rev-parse", "HEAD")
        promote(folder, "prod", day=5)
        git(folder, "reset", "-q", "--soft", head)
        assert cli(folder) == 0
        assert cli(folder, "--deep") == 11

    def test_a_source_that_is_gone(
        self, promoted: Promoted, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A hotfix's branch was pushed over and collected; a rollback's bytes need no source."""
        folder = promoted.folder
        git(folder, "switch", "-qc", "hotfix", promoted.first)
        lost = commit(folder, STRICT | {"policies/x.md": "x"}, "hotfix", day=5)
        git(folder, "switch", "-q", "main")
        promote(folder, "prod", event=Event.HOTFIX, day=6, source=lost)
        promote(folder, "prod", event=Event.PROMOTE, day=7)
        hold = held_by_rollback(2, "", by="a-test", since=START + dt.timedelta(days=8))
        promote(folder, "prod", event=Event.ROLLBACK, day=8, source=lost, hold=hold)
        git(folder, "branch", "-qD", "hotfix")
        assert cli(folder, "--deep") == 0
        git(folder, "reflog", "expire", "--expire=now", "--all")
        git(folder, "gc", "-q", "--prune=now")
        capsys.readouterr()

        assert cli(folder, "prod") == 0
        assert cli(folder, "prod", "--deep") == 11
        told = capsys.readouterr().out
        assert "0002-hotfix-r-" in told
        assert f"the commit {lost}, is gone" in told
        assert (
            "0004-rollback" not in told.partition("was not recomputed")[0].partition("is gone")[0]
        )
        assert "1 fault." in told

    def test_a_shallow_clone_is_told(self, promoted: Promoted, tmp_path: Path) -> None:
        git(tmp_path, "clone", "-q", "--depth=1", promoted.folder.as_uri(), "shallow")
        assert cli(tmp_path / "shallow", "--deep") == 7
