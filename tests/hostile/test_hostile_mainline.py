"""Claim: nothing that promotion owns can be otherwise on the base branch, not even for a while."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from meshgate.cli import main
from promoted import Promoted, commit, git, write

pytestmark = pytest.mark.sampled(every=2)

POLICY = "rendered/staging/istio-system/peerauthentication-default.yaml"
LEDGER = "promotion/ledger/staging"


def last(folder: Path) -> Path:
    return max((folder / LEDGER).glob("*.yaml"))


def weakened(folder: Path) -> str:
    text = (folder / POLICY).read_text()
    assert "STRICT" in text or "PERMISSIVE" in text
    return text.replace("STRICT", "DISABLE").replace("PERMISSIVE", "DISABLE")


def for_a_while(folder: Path) -> None:
    before = (folder / POLICY).read_text()
    commit(folder, {POLICY: weakened(folder)}, "docs: a typo", day=6)
    commit(folder, {POLICY: before}, "docs: the typo again", day=7)


def in_a_merge(folder: Path) -> None:
    """Neither parent has it: the merge itself brings it in, and the next one takes it away."""
    before = (folder / POLICY).read_text()
    git(folder, "switch", "--quiet", "-c", "side")
    commit(folder, {"docs/a.md": "a\n"}, "docs", day=5)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--no-commit", "side", day=6)
    commit(folder, {POLICY: weakened(folder)}, "Merge docs", day=6)
    commit(folder, {POLICY: before}, "docs: more", day=7)


def executable(folder: Path) -> None:
    (folder / POLICY).chmod(0o755)
    commit(folder, {}, "chmod", day=6)


def a_link(folder: Path) -> None:
    write(folder, {"docs/copy.yaml": (folder / POLICY).read_text()})
    (folder / POLICY).unlink()
    (folder / POLICY).symlink_to("../../../docs/copy.yaml")
    commit(folder, {}, "a link", day=6)


def hidden(folder: Path) -> None:
    commit(folder, {"rendered/staging/.x.yaml": weakened(folder)}, "hidden", day=6)


def a_module(folder: Path) -> None:
    """A commit in the place of a folder: what lies there comes from another repository."""
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{head},rendered/staging/more")
    git(folder, "commit", "--quiet", "-m", "a module", day=6)


def beside_the_ledger(folder: Path) -> None:
    commit(folder, {f"{LEDGER}/0009-note.txt": "approved by everyone\n"}, "a note", day=6)


def in_another_case(folder: Path) -> None:
    name = last(folder).name
    commit(folder, {f"promotion/ledger/Staging/{name}": last(folder).read_text()}, "case", day=6)


def of_nobody(folder: Path) -> None:
    name, text = last(folder).name, last(folder).read_text()
    commit(folder, {f"promotion/ledger/secret/{name}": text}, "an environment", day=6)


def another_name(folder: Path) -> None:
    path = last(folder)
    path.rename(path.with_name("0002-promote-r-000000000000.yaml"))
    commit(folder, {}, "renamed", day=6)


def a_number_more(folder: Path) -> None:
    path = last(folder)
    again = path.with_name(path.name.replace("0002", "0003"))
    commit(folder, {f"{LEDGER}/{again.name}": path.read_text()}, "twice", day=6)


def byte_order_mark(folder: Path) -> None:
    path = last(folder)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    commit(folder, {}, "a mark", day=6)


def state_alone(folder: Path) -> None:
    """Back to what was there before: the bytes of the first event's state, once written truly."""
    old = git(folder, "show", "HEAD~1:promotion/state/staging.yaml")
    name = "promotion/state/staging.yaml"
    if old + "\n" == (folder / name).read_text():
        old = git(folder, "log", "--format=%H", "--", name).splitlines()[-1]
        old = git(folder, "show", f"{old}:{name}")
    commit(folder, {name: old + "\n"}, "back", day=6)


ATTACKS: dict[str, Callable[[Path], None]] = {
    "weakened for a while": for_a_while,
    "brought in by a merge": in_a_merge,
    "executable": executable,
    "a link to the same bytes": a_link,
    "a hidden file": hidden,
    "a commit in the place of a folder": a_module,
    "a file beside the records": beside_the_ledger,
    "a ledger in another case": in_another_case,
    "a ledger of no environment": of_nobody,
    "a record of another name": another_name,
    "a record twice": a_number_more,
    "a byte order mark": byte_order_mark,
    "a state of before": state_alone,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_audit_ends_with_11(
    promoted: Promoted, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ATTACKS[name](promoted.folder)
    assert main(["-C", str(promoted.folder), "audit", "--deep"]) == 11, capsys.readouterr().out


def test_a_replaced_object_is_not_what_is_read(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    """`git replace` shows another object for an id, to whoever does not ask for the real ones."""
    folder = promoted.folder
    good = git(folder, "rev-parse", f"HEAD:{POLICY}")
    commit(folder, {POLICY: weakened(folder)}, "weaker", day=6)
    git(folder, "replace", git(folder, "rev-parse", f"HEAD:{POLICY}"), good)
    assert main(["-C", str(folder), "audit", "--deep", "staging"]) == 11, capsys.readouterr().out


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2099-12-31T23:59:59Z"])
def test_authors_date_moves_nothing(
    promoted: Promoted, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the committer's date and the record's count, and never a date that is still to come."""
    folder = promoted.folder
    subprocess.run(
        ["git", "commit", "--quiet", "--amend", "--no-edit", f"--date={at}"],
        cwd=folder,
        check=True,
        env={**os.environ, "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@example.com",
             "GIT_COMMITTER_DATE": dt.datetime(2026, 7, 5, 8, tzinfo=dt.UTC).isoformat()},
    )  # fmt: skip
    main(["-C", str(folder), "status", "staging", "--at", "2026-07-06T08:00:00Z"])
    assert at[:4] not in capsys.readouterr().out
