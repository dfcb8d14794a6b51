"""Claim: whatever shape a commit gives to what is guarded, nothing is led round the guards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from meshgate.cli import main
from meshgate.repository import Repository, extract, mainline
from promoted import ENVIRONMENTS, Promoted, commit, git

pytestmark = pytest.mark.sampled(every=2)

FILE, PROGRAM, LINK, MODULE = "100644", "100755", "120000", "160000"


class Entry(NamedTuple):
    """One path as the attacker's commit has it; text None: it goes, with all below it."""

    path: str
    text: str | None
    mode: str = FILE


def linked(path: str, to: str) -> tuple[Entry, ...]:
    return (Entry(path, None), Entry(path, to, LINK))


def module(path: str) -> tuple[Entry, ...]:
    return (Entry(path, None), Entry(path, "", MODULE))


# What each is refused (8), made to wait (10) or found unreadable (2, 7) by.
ATTACKS: dict[str, tuple[tuple[Entry, ...], set[int]]] = {
    "rules are a link": (linked("environments.yaml", "policies/x"), {2, 8}),
    "rules are empty": ((Entry("environments.yaml", ""),), {2, 8}),
    "rules are there twice": ((Entry("environments.yaml", ENVIRONMENTS * 2),), {2, 8}),
    "rules are gone": ((Entry("environments.yaml", None),), {2, 8}),
    "rules share a floor": (
        (Entry("environments.yaml", "defaults: {require: {mtls: DISABLE}}\n" + ENVIRONMENTS),),
        {10},
    ),
    "rules in other letters": ((Entry("Environments.yaml", ENVIRONMENTS),), {10}),
    "waivers are a link": (linked("waivers", "policies"), {10}),
    "waivers are a file": ((Entry("waivers", "x"),), {2, 10}),
    "waivers in other letters": ((Entry("Waivers/prod.yaml", "waivers: []\n"),), {10}),
    "waivers are a module": (module("waivers"), {7, 8, 10}),
    "expectations are a link": (linked("expectations", "policies"), {10}),
    "inventory is a link": (linked("inventory", "policies"), {2, 8, 10}),
    "an inventory is a link": (linked("inventory/prod", "dev"), {2, 8, 10}),
    "policies are a module": (module("policies"), {7, 8, 10}),
    "what is rendered is a link": (linked("rendered/prod", "staging"), {8}),
    "all that is rendered is a link": (linked("rendered", "policies"), {8}),
    "what is rendered in other letters": ((Entry("Rendered/prod/x.yaml", "a: b\n"),), {8}),
    "what is rendered is a program": ((Entry("rendered/prod/x.yaml", "a: b\n", PROGRAM),), {8}),
    "what is rendered for nobody": ((Entry("rendered/other/x.yaml", "a: b\n"),), {8}),
    "what is rendered for dev": ((Entry("rendered/dev/x.yaml", "a: b\n"),), {8}),
    "a name on two lines": ((Entry("rendered/prod/a\nb.yaml", "a: b\n"),), {8}),
    "a name of other letters": ((Entry("rendered/prod/ä.yaml", "a: b\n"),), {8}),
    "the state is a link": (linked("promotion/state/prod.yaml", "staging.yaml"), {8}),
    "states in other letters": ((Entry("promotion/State/prod.yaml", "a: b\n"),), {8}),
    "the state by another name": ((Entry("promotion/state/prod.yml", "a: b\n"),), {8}),
    "a state of nobody": ((Entry("promotion/state/other.yaml", "a: b\n"),), {8}),
    "the ledger is a link": (linked("promotion/ledger/prod", "staging"), {8}),
    "the ledger has folders": ((Entry("promotion/ledger/prod/x/0009.yaml", "a: b\n"),), {8}),
    "a ledger of nobody": ((Entry("promotion/ledger/other/0001.yaml", "a: b\n"),), {8}),
    "a ledger is gone": ((Entry("promotion/ledger/prod", None),), {8}),
    "promotion is a link": (linked("promotion", "policies"), {8}),
    "promotion is a module": (module("promotion"), {8}),
    "all is gone": (
        tuple(Entry(path, None) for path in ("policies", "overlays", "rendered", "promotion")),
        {2, 8},
    ),
}


@pytest.fixture(scope="module")
def guarded(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that gets commits and no branches."""
    folder = tmp_path_factory.mktemp("trees") / "repository"
    shutil.copytree(promoted_once.folder, folder, symlinks=True)
    return folder


def made(folder: Path, entries: tuple[Entry, ...], parent: str = "main") -> str:
    """A commit of exactly these entries over another one, without a working tree."""

    def run(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=given.encode(),
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_INDEX_FILE": str(folder / ".git/attacker")},
        )
        return done.stdout.decode().strip()

    run("read-tree", parent)
    head = run("rev-parse", parent)
    for path, text, mode in entries:
        if text is None:
            run("rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", path)
            continue
        blob = head if mode == MODULE else run("hash-object", "-w", "--stdin", given=text)
        run("update-index", "-z", "--index-info", given=f"{mode} {blob}\t{path}\0")
    return run("commit-tree", "-p", parent, "-m", "x", run("write-tree"))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_shape_of_a_tree_passes(
    guarded: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entries, codes = ATTACKS[name]
    code = main(["check", "-C", str(guarded), "--base", "main", "--head", made(guarded, entries)])
    told = capsys.readouterr()
    assert code in codes, told
    assert "Traceback" not in told.out + told.err
    assert not re.search(r"^(::|##\[)", told.out + told.err, re.MULTILINE)


def test_what_changes_nothing_passes(guarded: Path) -> None:
    same = (Entry("README.md", "x"), Entry("environments.yaml", "# why\n" + ENVIRONMENTS))
    assert main(["check", "-C", str(guarded), "--base", "main", "--head", made(guarded, same)]) == 0


def test_a_history_of_its_own_is_judged_whole(guarded: Path) -> None:
    lone = git(guarded, "commit-tree", "-m", "x", git(guarded, "rev-parse", "main~3^{tree}"))
    assert main(["check", "-C", str(guarded), "--base", "main", "--head", lone]) == 8


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a repository and its settings may say to lead git away from what a commit holds."""
    folder = tmp_path_factory.mktemp("configured") / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, {"a": "good\n", "b": "$Format:%H$\n"}, "good")
    files = {
        ".gitattributes": "a export-ignore\nb export-subst\n* text eol=crlf ident\n",
        ".mailmap": "Mallory <m@example.com> <test@example.com>\n",
    }
    commit(folder, files, "odd")
    git(folder, "update-ref", f"refs/replace/{git(folder, 'rev-parse', 'main~1')}", "main")
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("* export-ignore\n")
    for key, value in {
        "log.showSignature": "true",
        "log.mailmap": "true",
        "log.follow": "true",
        "log.date": "relative",
        "format.pretty": "oneline",
        "diff.external": "/bin/false",
        "core.pager": f"touch {folder}/paged",
        "core.fsmonitor": f"touch {folder}/watched",
        "core.sshCommand": f"touch {folder}/called",
        "core.quotePath": "true",
        "color.ui": "always",
        "diff.renames": "copies",
        "merge.default": "evil",
        "i18n.logOutputEncoding": "UTF-16",
    }.items():
        git(folder, "config", key, value)
    return folder


LED: dict[str, Callable[[Repository, Path], object]] = {
    "a commit is itself": lambda it, _: it.read("main~1", "a") == b"good\n",
    "its tree is its own": lambda it, _: len(it.entries("main~1")) == 2,
    "files are as they were committed": lambda it, to: (
        extract(it, "main", ("a", "b"), to),
        (to / "a").read_bytes() == b"good\n" and (to / "b").read_bytes() == b"$Format:%H$\n",
    )[1],
    "people are who they were": lambda it, _: "Mallory" not in mainline(it, "main")[0].author,
    "messages are what they were": lambda it, _: mainline(it, "main")[0].message == "odd\n",
    "all of history is there": lambda it, _: len(mainline(it, "main")) == 2,
}


@pytest.mark.parametrize("name", LED)
def test_no_setting_leads_away_from_what_a_commit_holds(
    configured: Path, tmp_path: Path, name: str
) -> None:
    with Repository(configured) as repository:
        assert LED[name](repository, tmp_path)
    assert not [path for path in ("paged", "watched", "called") if (configured / path).exists()]
