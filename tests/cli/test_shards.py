"""Shards that are put together say what one run over everything says, byte for byte."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from fleet_repository import write_fleet
from meshgate.cli import main
from meshgate.model import Environment
from meshgate.pipeline.shards import OF_NOBODY, shares
from policy_repository import copy_policies

pytestmark = pytest.mark.sampled(every=2)

FORMATS = ("text", "concise", "json", "sarif", "junit", "markdown", "gitlab")
Written = tuple[int, str, dict[str, str]]


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def written(folder: Path, *arguments: str) -> Written:
    """The exit code, standard error, and the report in each format."""
    folder.mkdir()
    formats = [part for how in FORMATS for part in ("--format", f"{how}={folder / how}")]
    code, _, err = run(*arguments, *formats)
    return code, err, {how: (folder / how).read_text("utf-8") for how in FORMATS}


def parts(root: Path, folder: Path, count: int, *arguments: str) -> list[str]:
    """The parts of so many shards."""
    folder.mkdir()
    files = [str(folder / f"{number}.json") for number in range(1, count + 1)]
    for number, file in enumerate(files, 1):
        shard = ("--shard", f"{number}/{count}", "--part", file)
        run("validate", "-C", str(root), *shard, *arguments)
    return files


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fleet(tmp_path_factory.mktemp("fleet") / "root", 14)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_parts_put_together_are_the_whole(count: int, fleet: Path, tmp_path: Path) -> None:
    one = written(tmp_path / "one", "validate", "-C", str(fleet))
    assert one[0] == 3
    files = parts(fleet, tmp_path / "parts", count, "--fail-on", "never")
    assert written(tmp_path / "merged", "merge-reports", *files[::-1]) == one
    for narrow in (("--select", "PA"), ("--ignore", "WA,RE"), ("--fail-on", "warning")):
        whole = run("validate", "-C", str(fleet), *narrow)
        assert run("merge-reports", *files, *narrow) == whole


@pytest.mark.parametrize("level", ["error", "warning", "undecided", "never"])
def test_so_it_is_for_real_policies_at_every_level(level: str, tmp_path: Path) -> None:
    root = copy_policies(tmp_path / "root")
    one = written(tmp_path / "one", "validate", "-C", str(root), "--fail-on", level)
    files = parts(root, tmp_path / "parts", 2, "--fail-on", level)
    merged = ("merge-reports", *files, "--fail-on", level)
    assert written(tmp_path / "merged", *merged) == one


def test_shards_that_never_fail_do_not_make_the_whole_green(fleet: Path, tmp_path: Path) -> None:
    files = parts(fleet, tmp_path / "parts", 2, "--fail-on", "never", "env-1", "env-2")
    assert run("merge-reports", *files)[0] == 1


@pytest.mark.parametrize(
    "names",
    [
        ("env-4", "env-2"),
        # env-3, which comes before env-4, shares clusters with env-13.
        ("env-4", "env-13"),
    ],
)
def test_some_environments_in_more_shards_than_there_are(
    names: Sequence[str], fleet: Path, tmp_path: Path
) -> None:
    one = written(tmp_path / "one", "validate", "-C", str(fleet), *names)
    files = parts(fleet, tmp_path / "parts", 3, *names)
    assert written(tmp_path / "merged", "merge-reports", *files) == one


def page_parts(root: Path, folder: Path, count: int) -> list[str]:
    folder.mkdir()
    files = [str(folder / f"{number}.json") for number in range(1, count + 1)]
    for number, file in enumerate(files, 1):
        run("report", "-C", str(root), "--shard", f"{number}/{count}", "--part", file)
    return files


@pytest.mark.parametrize("which", ["fleet", "policies"])
def test_so_it_is_for_the_page(which: str, fleet: Path, tmp_path: Path) -> None:
    root = fleet if which == "fleet" else copy_policies(tmp_path / "root")
    one, merged = tmp_path / "one.html", tmp_path / "merged.html"
    code, _, err = run("report", "-C", str(root), "--format", f"html={one}")
    files = page_parts(root, tmp_path / "parts", 3)
    found = run("merge-reports", *files[::-1], "--format", f"html={merged}")
    assert merged.read_bytes() == one.read_bytes()
    assert found == (code, "", err.replace(str(one), str(merged)))
    for level in ("error", "warning"):
        whole = run("report", "-C", str(root), "--format", f"html={one}", "--fail-on", level)
        found = run("merge-reports", *files, "--format", f"html={merged}", "--fail-on", level)
        assert found == (whole[0], "", whole[2].replace(str(one), str(merged)))


def test_a_page_is_put_together_inside_actions(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = page_parts(fleet, tmp_path / "parts", 2)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run("merge-reports", *files, "--format", f"html={tmp_path}/page.html")[:2] == (3, "")


def test_parts_of_pages_and_of_reports_are_told_apart(fleet: Path, tmp_path: Path) -> None:
    pages = page_parts(fleet, tmp_path / "pages", 2)
    reports = parts(fleet, tmp_path / "reports", 2)
    for arguments in (
        pages,
        [*pages, "--format", f"html={tmp_path}/a", "--format", "text"],
        [*reports, "--format", f"html={tmp_path}/a"],
    ):
        code, _, err = run("merge-reports", *arguments)
        assert code == 2
        assert "these are parts of `meshgate " in err
    assert "they differ in command" in run("merge-reports", pages[0], reports[1])[2]
    code, _, err = run("report", "-C", str(fleet), "--shard", "1/2", "--base", "HEAD")
    assert code == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0, 1], "shard 3/3 is missing"),
        ([0, 1, 2, 1], "shard 2/3 is given twice"),
        ([], "shard 1/3 is missing"),
    ],
)
def test_what_is_not_the_whole_is_refused(
    given: Sequence[int], said: str, fleet: Path, tmp_path: Path
) -> None:
    files = parts(fleet, tmp_path / "parts", 3, "env-1")
    again = tmp_path / "again.json"
    again.write_bytes(Path(files[1]).read_bytes())
    chosen = [files[number] for number in given] or [files[1]]
    if len(given) > 3:
        chosen[-1] = str(again)
    code, out, err = run("merge-reports", *chosen)
    assert (code, out) == (2, "")
    assert said in err


def test_parts_of_two_states_are_refused(fleet: Path, tmp_path: Path) -> None:
    one = parts(fleet, tmp_path / "one", 2, "--today", "2026-08-01")
    two = parts(fleet, tmp_path / "two", 2, "--today", "2026-08-02")
    code, _, err = run("merge-reports", one[0], two[1])
    assert code == 2
    assert "are not of one run: they differ in today" in err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "number": 1}'])
def test_what_is_no_part_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "part.json"
    file.write_text(text, encoding="utf-8")
    code, _, err = run("merge-reports", str(file))
    assert code == 2
    assert re.search(r"is no part of a run|of another version", err)


def test_a_verdict_that_is_taken_out_is_missed(fleet: Path, tmp_path: Path) -> None:
    (file,) = parts(fleet, tmp_path / "parts", 1)
    part = json.loads(Path(file).read_text("utf-8"))
    lost = part["verdicts"].pop(3)["verdict"]["environment"]
    Path(file).write_text(json.dumps(part), encoding="utf-8")
    assert run("merge-reports", file)[2] == f"meshgate: no part has a verdict on {lost}\n"


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/99999"])
def test_what_names_no_shard_is_refused(text: str, fleet: Path) -> None:
    code, _, err = run("validate", "-C", str(fleet), f"--shard={text}")
    assert code == 2
    assert "this names no shard" in err


def test_shards_are_balanced_by_recorded_times(fleet: Path, tmp_path: Path) -> None:
    files = parts(fleet, tmp_path / "parts", 2)
    times = tmp_path / "times.json"
    run("merge-reports", *files, "--times", str(times))
    recorded = json.loads(times.read_text("utf-8"))
    assert len(recorded) == 14
    times.write_text(json.dumps({**recorded, "env-0": 1000.0}), encoding="utf-8")
    balanced = parts(fleet, tmp_path / "balanced", 2, "--times", str(times))
    by_shard = json.loads(Path(balanced[0]).read_text("utf-8"))["whole"]["shares"]
    assert sorted(map(len, by_shard)) == [1, 13]
    # A shard that has seen other times judges something else.
    assert run("merge-reports", balanced[0], files[1])[0] == 2


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=60),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
@examples(60)
def test_every_environment_is_in_one_shard(seconds: list[float], count: int, order: object) -> None:
    environments = [Environment(name=f"e{number}", overlay="o") for number in range(len(seconds))]
    times = {each.name: taken for each, taken in zip(environments, seconds, strict=True)}
    found = shares(environments, count, times)
    assert len(found) == count
    assert sorted(name for share in found for name in share) == sorted(times)
    order.shuffle(environments)  # type: ignore[attr-defined]
    assert shares(environments, count, times) == found
    # The longest first: no shard has more than the mean and one environment.
    loads = [sum(times[name] for name in share) for share in found]
    whole = sum(seconds) * (1 + OF_NOBODY)
    assert max(loads) <= whole / count + max(seconds) + 1e-9
