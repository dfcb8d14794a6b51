"""What the pages of docs/ promise: all are in the site, and their tables are what code says."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshgate import errors
from meshgate.cli import main
from meshgate.effect.verdicts import GRAVEST_FIRST
from meshgate.mesh import Outcome, Transport, verdict
from meshgate.model import JSON
from places import REPOSITORY
from site_pages import without_links_out

DOCS = REPOSITORY / "docs"
CODES = re.compile(r"^\| \d+ \|.*$", re.MULTILINE)
ROW = re.compile(r"^\| `([\w-]+)`(?:, `([\w-]+)`)? \| (.*?) \|", re.MULTILINE)


def entries(nav: JSON) -> Iterator[str]:
    """The pages that a list of mkdocs.yml names."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list):
        for entry in nav:
            yield from entries(entry)
    else:
        for entry in nav.values():
            yield from entries(entry)


def test_every_page_is_in_the_site_once() -> None:
    named = list(entries(yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"]))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert sorted(named) == sorted(set(named))
    # Pages of rules are reached from their table.
    assert set(named) == {page for page in pages if not re.match(r"rules/[A-Z]{2}\d", page)}


def test_outcomes_are_those_of_the_code() -> None:
    calls, _, changes = (DOCS / "outcomes.md").read_text().partition("## What a change")

    told = {name: word for name, _, word in ROW.findall(calls)}
    expected = {str(each): str(verdict(each, Transport.TLS)) for each in Outcome}
    assert told == expected
    assert [name for name, _, _ in ROW.findall(changes)] == [str(each) for each in GRAVEST_FIRST]


def test_exit_codes_are_those_of_the_code() -> None:
    page = (DOCS / "exit-codes.md").read_text()
    readme = (REPOSITORY / "README.md").read_text()
    table = [row.split()[1] for row in CODES.findall(page)]

    codes = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.MeshgateError)
    }
    assert set(map(int, table)) == codes | {0, 130}
    assert CODES.findall(page) == CODES.findall(readme)
    gravest = re.findall(r"\d+", page.partition("applies of")[2].partition(".")[0])
    assert tuple(map(int, gravest)) == errors.GRAVEST_FIRST


def test_links_that_leave_the_site_become_paths() -> None:
    text = "[a](b.md) [the action](../action.yml#x) [x.json](../x.json)\n```\n[c](../d)\n```\n"

    assert without_links_out(text, "install.md") == (
        "[a](b.md) the action (`action.yml`) x.json\n```\n[c](../d)\n```\n"
    )
    assert without_links_out("[t](../../tests/x)", "rules/A.md") == "t (`tests/x`)"
    assert without_links_out("[t](../cli.md)", "rules/A.md") == "[t](../cli.md)"


def test_the_first_ten_minutes_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "first-ten-minutes.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    run = 0
    for line in "".join(blocks).splitlines():
        program, *words = shlex.split(line)
        if program == "cd":
            monkeypatch.chdir(words[0])
        elif program == "meshgate":
            assert main(words) == 0, (line, capsys.readouterr())
            run += 1
        else:
            subprocess.run([program, *words], check=True)
    assert run == 6


def test_one_command_lists_what_runs() -> None:
    """By categories, so that none forgets a kind: CronJobs are in `all`, Istio's in `istio-io`."""
    asked = {
        (path.relative_to(REPOSITORY).as_posix(), kinds)
        for path in [
            REPOSITORY / "README.md",
            *DOCS.rglob("*.md"),
            *(REPOSITORY / "scripts/meshgate/cli").glob("*.py"),
        ]
        for kinds in re.findall(r"kubectl get (\S+) -A -o yaml", path.read_text())
    }

    assert len(asked) > 6
    assert {kinds for path, kinds in asked if not path.endswith(("pinned.md", "live.py"))} == {
        "ns,all,netpol,istio-io", "KINDS"
    }  # fmt: skip
