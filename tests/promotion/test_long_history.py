"""What reads the history asks git for all of it at once, however long it is."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

import promoted
from meshgate.errors import MeshgateError, RepositoryError
from meshgate.promotion import main_line, release
from meshgate.promotion.environment_state import Release
from meshgate.promotion.files import sha256
from meshgate.promotion.promote import newer_releases
from meshgate.repository import Repository, blob_digests
from pipeline import Pipeline
from samples import sample


def changed(pipeline: Pipeline, commits: int) -> None:
    """Commits that each change what environments are built from."""
    head = promoted.git(pipeline.work, "rev-parse", "HEAD")
    start, lines = int(promoted.START.timestamp()) + 4 * 86400, []
    for number in range(commits):
        mode = ("STRICT", "PERMISSIVE")[number % 2]
        text = f"{promoted.peer_authentication(mode)}# {number}\n"
        lines += [
            f"commit refs/heads/main\ncommitter A <a@b> {start + number * 60} +0000",
            f"data <<E\nchange {number}\nE",
            *([f"from {head}"] if number == 0 else []),
            "M 100644 inline policies/mesh/peerauthentication-default.yaml",
            f"data {len(text)}\n{text}",
        ]
    content = "\n".join([*lines, ""]).encode()
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=pipeline.work, input=content, check=True
    )
    promoted.git(pipeline.work, "push", "--quiet", "origin", "main")


def odd_history(folder: Path, seed: int, steps: int = 24) -> None:
    """Inputs that come, change, go and move, also by merges; some commits lack a folder."""
    dice = random.Random(seed)
    work = promoted.start(folder)
    promoted.git(work, "config", "log.showRoot", "false")
    promoted.git(work, "config", "diff.renames", "copies")
    names = ("policies/mesh/a.yaml", "policies/shop/ä b.yaml", "overlays/dev/x", "README.md")
    for number in range(steps):
        name, what = work / dice.choice(names), dice.randrange(6)
        if what == 0 and name.exists():
            name.unlink()
        elif what == 1 and name.exists():
            name.chmod(0o755 if dice.random() < 0.5 else 0o644)
        elif what == 2 and name.exists():
            name.rename(name.with_name(f"moved-{number}"))
        elif what == 3 and (work / "promotion/toolchain.yaml").exists():
            (work / "promotion/toolchain.yaml").unlink()
        elif what == 4:
            promoted.git(work, "checkout", "--quiet", "-B", "side")
            promoted.commit(work, {names[0]: f"{dice.randrange(4)}"}, "aside", day=number)
            promoted.git(work, "checkout", "--quiet", "main")
            promoted.commit(work, {names[1]: f"{dice.randrange(4)}"}, "main", day=number)
            promoted.git(work, "merge", "--quiet", "--no-edit", "side", day=number)
        else:
            # The same content comes again: it is the same release.
            toolchain = {"promotion/toolchain.yaml": promoted.TOOLCHAIN}
            promoted.write(work, {str(name.relative_to(work)): f"{dice.randrange(4)}", **toolchain})
        promoted.git(work, "add", "--all", day=number)
        promoted.git(work, "commit", "--quiet", "--allow-empty", "-m", f"{number}", day=number)


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(sample(2, 1)))
def test_ids_along_the_line_are_those_of_each_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Read from one walk, one by one, and kept from a run before: always the same."""
    odd_history(tmp_path / "work", seed)
    found: list[list[tuple[str, str]]] = []
    for few, cache in ((0, None), (10**6, None), (0, tmp_path / "kept"), (0, tmp_path / "kept")):
        monkeypatch.setattr(release, "FEW", few)
        with Repository(tmp_path / "work") as repository:
            releases = release.Releases(repository, "main", cache=cache)
            found.append([(commit.sha, one) for commit, one in releases.history()])
    assert len(found[0]) > 10
    assert len({one for _, one in found[0]}) < len(found[0])
    assert found[0] == found[1] == found[2] == found[3]
    assert len(list((tmp_path / "kept/releases").rglob("*/*"))) == 1, "one table of all"


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(sample(3, 1)))
def test_changes_along_the_line_are_those_between_two_commits(tmp_path: Path, seed: int) -> None:
    odd_history(tmp_path / "work", seed, 16)
    with Repository(tmp_path / "work") as repository:
        main = repository.resolve("main")
        line = [commit.sha for commit, _ in release.Releases(repository, main).history()]
        aside = repository.find("side") or main
        for old in (*line, aside):
            for new in (*line, aside):
                expected = release.changes(repository, old, new)
                assert release.changes(repository, old, new, main=main) == expected
        assert release.changes(repository, line[-1], line[0], main=main)


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(sample(3, 1)))
def test_steps_since_a_commit_are_those_that_it_has_not(tmp_path: Path, seed: int) -> None:
    odd_history(tmp_path / "work", seed, 16)
    with Repository(tmp_path / "work") as repository:
        main = repository.resolve("main")
        every = [step.commit.sha for step in main_line.steps(repository, main)]
        starts = repository.run("rev-list", "--all").split()
        assert len(starts) > len(every) > 5
        for start in starts:
            listed = repository.run("rev-list", "--first-parent", f"{start}..{main}").split()
            expected = [sha for sha in every if sha in listed]
            assert main_line.steps_since(repository, main, start) == expected


def test_a_blob_that_is_not_there_is_told_as_ever(tmp_path: Path) -> None:
    odd_history(tmp_path / "work", 1, 3)
    with Repository(tmp_path / "work") as repository:
        listed = repository.entries("main", "policies")
        gone, there = listed[0].blob, listed[1].blob
        (tmp_path / "work/.git/objects" / gone[:2] / gone[2:]).unlink()
        assert blob_digests(repository, [gone, there, "0" * 40]).keys() == {there}
        assert blob_digests(repository, [there]) == {there: sha256(repository.blob(there))}
        with pytest.raises(RepositoryError, match=f"no blob {gone}"):
            release.Releases(repository, "main").history()


def test_a_partial_clone_without_its_remote_is_an_error_and_no_silence(tmp_path: Path) -> None:
    """Git ends at the first object that it can no longer fetch."""
    odd_history(tmp_path / "work", 1, 3)
    promoted.git(tmp_path / "work", "config", "uploadpack.allowFilter", "true")
    origin = f"file://{tmp_path / 'work'}"
    for number, filtered in enumerate(("blob:none", "tree:0")):
        clone = tmp_path / f"clone-{number}"
        how = ("--quiet", "--no-checkout", f"--filter={filtered}")
        promoted.git(tmp_path, "clone", *how, origin, str(clone))
        promoted.git(clone, "config", "remote.origin.url", str(tmp_path / "gone"))
        with Repository(clone) as repository, pytest.raises(MeshgateError) as raised:
            release.Releases(repository, "HEAD").history()
        assert raised.value.exit_code in {4, 7}


def test_a_long_history_costs_no_more_questions(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, str]] = []
    real = Repository.__dict__["_id"]

    def counted(self: Repository, name: str) -> str:
        asked.append((self.root, name))
        answer: str = real(self, name)
        return answer

    monkeypatch.setattr(Repository, "_id", counted)
    counts: list[int] = []
    found: list[Release] = []
    for commits in (20, 200):
        changed(pipeline, commits)
        # Ids of releases are kept; what is asked the first time is for the content of each.
        for _ in range(2):
            asked.clear()
            with pipeline.session() as session:
                state = session.state("staging")
                assert state is not None
                found = list(newer_releases(session, state))
        assert len(found) >= commits
        counts.append(len(asked))

    assert counts[1] < counts[0] + 20
