"""Claim: text that an attacker writes takes no time, stays on its line, and is no option."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from meshgate.cli import main
from meshgate.cli.terminal import printable
from meshgate.errors import BuildError, UsageError
from meshgate.repository.commit import Commit
from meshgate.repository.history import END_OF_TIME, moment
from meshgate.source import recognition

LONG = 400_000
ROOT = Path(__file__).parents[2]
POLICY = (
    "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
    "metadata: {name: default, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n"
)


def commit(message: str, parents: int = 1) -> Commit:
    now = dt.datetime(2026, 8, 1, tzinfo=dt.UTC)
    return Commit("0" * 40, ("1" * 40,) * parents, "a <a@b>", "a <a@b>", now, message)


MESSAGES = {
    "blanks in a trailer": "x\n\nCo-authored-by: a" + " " * LONG + "b",
    "blanks after a trailer's key": "x\n\nCo-authored-by:" + " " * LONG + "\n",
    "blank lines after a trailer's key": "x\n\nCo-authored-by:" + "\n" * LONG,
    "tabs in a trailer": "x\n\nco-authored-by: a" + "\t" * LONG + "b",
    "many trailers": "x\n" + "Co-authored-by: a \n" * (LONG // 20),
    "digits of a number": f"x (#{'1' * LONG}",
    "digits of GitLab's number": "x\n\nSee merge request a!" + "1" * LONG,
    "marks before a number": "x\n\nSee merge request " + "!1" * (LONG // 2) + "x",
    "openings of a number": "(#1" * (LONG // 3),
    "a merge's title": "Merge pull request '" + "' (#" * (LONG // 4),
    "a merge's branch": "Merge branch '" + "' int" * (LONG // 5),
    "one line": "x" * LONG,
    "line separators": "x\u2028" * (LONG // 2),
    "carriage returns": "x\r" * (LONG // 2),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_no_commit_message_takes_long(name: str) -> None:
    told = commit(MESSAGES[name], parents=2)
    started = time.process_time()
    assert all(told.co_authors)
    assert told.subject is not None
    assert told.pull_request is None or told.pull_request < 10**18
    assert time.process_time() - started < 1


def test_what_a_message_says_is_still_read() -> None:
    told = commit(
        "x (#12)\n\nCo-authored-by:  A <a@b> \nCO-AUTHORED-BY: C <c@d>\nCo-authored-by:\n"
    )
    assert told.co_authors == ("A <a@b>", "C <c@d>")
    assert told.pull_request == 12
    assert commit("x\n\nSee merge request group/project!7\n").pull_request == 7


FILES = {
    "openings of a template": "{{ " * (LONG // 3),
    "openings without blanks": "{" * LONG,
    "blank lines": "\n" * LONG,
    "blanks": " " * LONG,
    "commas": ", " * (LONG // 2),
    "comma and blanks": "," + " " * LONG,
}


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@pytest.mark.parametrize("name", FILES)
def test_no_file_takes_long_to_recognise(tmp_path: Path, name: str, suffix: str) -> None:
    started = time.process_time()
    told = recognition.unread(tmp_path, f"x{suffix}", FILES[name], BuildError("no"))
    assert isinstance(told, BuildError)
    assert time.process_time() - started < 1


COMMANDS = [
    *(
        "x\n::error::y",
        "x\r::error::y",
        "x\r\n  ::error::y",
        "x\x0b::warning::y",
        "::set-output::y",
    ),
    *("x\x85::error::y", "x\u2028::error::y", "x\u2029::add-mask::y", "##[error]y", "a ##[group]y"),
    *(
        "##vso[task.setvariable]y",
        "##teamcity[x]",
        "\x1b[2K\r::error::y",
        "x\n\n\n::stop-commands::",
    ),
]


@pytest.mark.parametrize("text", COMMANDS, ids=ascii)
def test_an_error_is_no_command_of_a_log(text: str) -> None:
    """A resource entry, a file name, a key: errors quote them, and runners read each line."""
    error = BuildError(f"cannot read {text}", why=text, hint=text)
    assert len(error.what.splitlines()) == 1
    for line in printable(f"meshgate: {error}").splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line
        assert "##teamcity[" not in line
        assert line.isprintable()


@pytest.mark.parametrize(
    "entry",
    ['"x\\n::error::owned"', '"x\\r::error::owned"', '"x\\L::error::owned"', '"##[error]x"'],
)
def test_no_resource_entry_prints_a_command(
    hostile_repository: Callable[[str, str], Path], capfd: pytest.CaptureFixture[str], entry: str
) -> None:
    root = hostile_repository("overlays/dev/kustomization.yaml", f"resources: [{entry}]\n")

    assert main(["validate", "-C", str(root), "--no-cache"]) in {1, 3}

    out, err = capfd.readouterr()
    for line in (out + err).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


OPTIONS = [
    "--fail-on=never.yaml",
    "--mesh=x.yaml",
    "-n.yaml",
    "--help.yaml",
    "-C.yaml",
    "--raw.yaml",
]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_file_name_is_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(POLICY.replace("STRICT", "DISABLE"), "utf-8")

    assert main(["lint", "--", name]) == 1
    assert name in capsys.readouterr().out


def test_hooks_and_the_action_end_options_before_names() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    for hook in hooks:
        assert hook.get("pass_filenames") is False or hook["args"][-1] == "--"
    action = (ROOT / "action.yml").read_text("utf-8")
    assert '-- "${environments[@]}"' in action


SECONDS = ["99999999999999", "-99999999999999999", "9" * 40, "", "x", str(2**63), "253402300800"]


@pytest.mark.parametrize("seconds", SECONDS)
def test_a_commit_of_no_calendar_is_of_the_end_of_time(seconds: str) -> None:
    assert moment(seconds) == END_OF_TIME


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1969-12-31", "x", "2026-13-01"])
def test_a_day_beyond_reason_is_an_error(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--today", day]) == UsageError.exit_code
    assert "Traceback" not in capsys.readouterr().err
