"""Claim: what a job with a token runs is pinned by hash, and of the base."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PIPELINES = [
    *WORKFLOWS,
    *(ROOT / name for name in ("action.yml", "docs/gitlab-ci.yml", "docs/gitlab-lint.yml")),
]
PINNED = re.compile(r"--require-hashes -r|--no-deps --no-build-isolation")
LOCKS = ("constraints.txt", "bootstrap.txt", "runtime.txt")
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\]+)", re.MULTILINE)


def versions(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in ENTRY.findall((ROOT / lock).read_text()):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_nothing_is_installed_without_a_hash(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    installing = [line for line in lines if "pip" in line and ("install" in line or "[@]" in line)]
    assert installing
    # The line that only names the program of the two below it.
    loose = [line for line in installing if not PINNED.search(line) and "pip=(" not in line]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_each_version_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_small_locks_have_what_the_whole_one_has(lock: str) -> None:
    whole = versions(LOCKS[0])
    assert versions(lock)
    other = {name: found for name, found in versions(lock).items() if name in whole}
    assert {name: found for name, found in other.items() if not found <= whole[name]} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_with_a_token_of_an_app_runs_the_default_branch(path: Path) -> None:
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        steps = job["steps"]
        if not any("create-github-app-token" in str(step.get("uses")) for step in steps):
            continue
        refs = [step["with"]["ref"] for step in steps if "checkout" in str(step.get("uses"))]
        assert refs
        assert all(ref.startswith("refs/heads/${{ github.event.repository") for ref in refs)


def test_gitlab_installs_from_the_base() -> None:
    before = yaml.safe_load((ROOT / "docs/gitlab-ci.yml").read_text())[".meshgate"]["before_script"]
    assert before.index("cd ../base") < before.index(
        "pip install --require-hashes -r bootstrap.txt"
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+/\S+)", path.read_text())
    assert [name for name in used if not re.search(r"@[0-9a-f]{40}$", name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_page_says_of_each_workflow_whether_it_is_run(path: Path) -> None:
    assert f"`{path.name}`" in (ROOT / "docs/workflows.md").read_text()
