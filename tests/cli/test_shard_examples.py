"""The files for shards in docs/examples/: their scripts are run here, and give the whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from fleet_repository import write_fleet
from meshgate.model import JSON
from places import REPOSITORY

pytestmark = pytest.mark.sampled(every=2)

EXAMPLES = REPOSITORY / "docs" / "examples" / "shards"
COUNT = 3


def read(name: str) -> JSON:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


def bash(
    script: str, root: Path, variables: Mapping[str, object]
) -> subprocess.CompletedProcess[str]:
    """A script as runners run it, with the meshgate of these tests."""
    programs = Path(sys.executable).parent
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=root,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            **{name: str(value) for name, value in variables.items()},
        },
        capture_output=True,
        text=True,
        check=False,
    )


def scripts(job: JSON) -> list[str]:
    """The scripts of a job of GitHub or GitLab that run meshgate."""
    lines = [step["run"] for step in job.get("steps", ()) if "run" in step]
    if "script" in job:
        lines = ["\n".join(job["script"])]
    return [line for line in lines if "meshgate validate" in line or "merge-reports" in line]


def whole(root: Path) -> subprocess.CompletedProcess[str]:
    return bash("meshgate validate", root, {})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_fleet(tmp_path / "root", 6)


@pytest.mark.whole
def test_github_runs_every_shard_and_merges_them(root: Path) -> None:
    workflow = read("github.yml")
    shard, merge = workflow["jobs"]["shard"], workflow["jobs"]["validate"]
    numbers = shard["strategy"]["matrix"]["shard"]
    assert numbers == list(range(1, int(workflow["env"]["SHARDS"]) + 1))
    (script,) = scripts(shard)
    (root / "parts").mkdir()
    for number in range(1, COUNT + 1):
        done = bash(script, root, {"SHARD": number, "SHARDS": COUNT})
        assert done.returncode in {0, 3}, done.stderr
        (root / f"part-{number}.json").rename(root / "parts" / f"part-{number}.json")
    (script,) = scripts(merge)
    merged, one = bash(script, root, {}), whole(root)
    assert (merged.returncode, merged.stdout) == (one.returncode, one.stdout)
    assert (root / "meshgate.sarif").is_file()
    # With the times that were written they are balanced anew.
    (again,) = scripts(shard)
    assert bash(again, root, {"SHARD": 1, "SHARDS": COUNT}).returncode in {0, 3}


@pytest.mark.whole
def test_nested_groups_number_every_shard_once(root: Path) -> None:
    group = read("github-nested.yml")["jobs"]["group"]
    called = read("github-group.yml")["jobs"]["shard"]
    assert group["uses"].endswith("/github-group.yml")
    before = group["strategy"]["matrix"]["before"]
    own = called["strategy"]["matrix"]["shard"]
    assert len(before) <= 256 >= len(own)
    numbers = sorted(first + number for first in before for number in own)
    assert numbers == list(range(1, group["with"]["shards"] + 1))
    (script,) = scripts(called)
    done = bash(script, root, {"BEFORE": 1, "SHARD": 2, "SHARDS": COUNT})
    assert done.returncode in {0, 3}, done.stderr
    assert (root / "part-3.json").is_file()


@pytest.mark.whole
def test_gitlab_runs_every_shard_and_merges_them(root: Path) -> None:
    jobs = read("gitlab.yml")
    (script,), (merge,) = scripts(jobs["shard"]), scripts(jobs["validate"])
    assert isinstance(jobs["shard"]["parallel"], int)
    for number in range(1, COUNT + 1):
        done = bash(script, root, {"CI_NODE_INDEX": number, "CI_NODE_TOTAL": COUNT})
        assert done.returncode in {0, 3}, done.stderr
    merged, one = bash(merge, root, {}), whole(root)
    assert (merged.returncode, merged.stdout) == (one.returncode, one.stdout)
    assert (root / "gl-code-quality-report.json").is_file()
    # GitLab refuses a job that has both.
    assert not any("when" in job and "rules" in job for job in jobs.values())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("github*.yml")), ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+/\S+)", path.read_text("utf-8"))
    assert used
    assert [n for n in used if not n.startswith("./") and not re.search(r"@[0-9a-f]{40}$", n)] == []
