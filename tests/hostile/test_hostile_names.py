"""Claim: a name means one thing. Whoever may push a tag or a branch cannot make it another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from meshgate.errors import RepositoryError
from meshgate.repository import Repository, base_branch, changed_files
from promoted import commit, git

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose remote has `main` at its first commit; the attacker's is the second."""
    folder = tmp_path_factory.mktemp("names") / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    good = commit(folder, {"a": "good\n"}, "good")
    evil = commit(folder, {"a": "evil\n"}, "evil", day=1)
    git(folder, "remote", "add", "origin", str(folder))
    git(folder, "remote", "add", "upstream", str(folder))
    git(folder, "update-ref", "refs/remotes/origin/main", good)
    git(folder, "update-ref", "refs/remotes/upstream/main", good)
    git(folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    for reference in (
        *("refs/tags/origin/main", "refs/heads/origin/main", "refs/origin/main"),
        *("refs/tags/upstream/main", "refs/tags/origin/gone", "refs/heads/origin/gone"),
        *("refs/tags/refs/heads/only", "refs/tags/refs/remotes/origin/only"),
        *("refs/heads/refs/tags/env/prod/0001", "refs/tags/HEAD", "refs/heads/HEAD"),
        *("refs/tags/both", f"refs/tags/{good[:7]}", f"refs/heads/{good[:12]}"),
        *("refs/tags/topic", "refs/tags/refs/tags/v1"),
    ):
        git(folder, "update-ref", reference, evil)
    for reference in ("refs/heads/both", "refs/heads/topic", "refs/heads/plain"):
        git(folder, "update-ref", reference, good)
    return folder


def good(clone: Path) -> str:
    return git(clone, "rev-parse", "main~1")


def evil(clone: Path) -> str:
    return git(clone, "rev-parse", "refs/heads/main")


MEANS_THE_FETCHED_BRANCH = [
    *("origin/main", "upstream/main", "refs/remotes/origin/main", "origin", "origin/main~0"),
    *("refs/remotes/origin/HEAD", "plain", "refs/heads/plain", "heads/plain", "HEAD~1", "main~1"),
]


@pytest.mark.parametrize("name", MEANS_THE_FETCHED_BRANCH)
def test_a_better_match_is_not_taken(clone: Path, name: str) -> None:
    with Repository(clone) as repository:
        assert repository.resolve(name) == good(clone)


NOTHING = [
    # Only a tag or a branch of the clone pretends to be there.
    *("origin/gone", "refs/heads/only", "refs/remotes/origin/only", "refs/tags/env/prod/0001"),
    *("refs/tags/v1", "origin/main:a", ":/evil", ":a", "main..plain", "^main", "-x", "--output=x"),
    *("refs/heads/*", "ma?n", "[m]ain", "main\nplain", "", " ", "nowhere", "x-1-gabcdef0"),
]


@pytest.mark.parametrize("name", NOTHING)
def test_what_only_pretends_to_be_there_is_not(clone: Path, name: str) -> None:
    with Repository(clone) as repository:
        if not name:
            assert repository.find(name) is None
            return
        with pytest.raises(RepositoryError, match="knows no commit"):
            repository.resolve(name)


@pytest.mark.parametrize("name", ["both", "topic", "both~0", "topic^{commit}"])
def test_a_tag_and_a_branch_of_one_name_are_refused(clone: Path, name: str) -> None:
    with Repository(clone) as repository, pytest.raises(RepositoryError, match="2 meanings"):
        repository.resolve(name)


@pytest.mark.parametrize("length", [7, 12])
def test_a_name_that_looks_like_an_id_is_refused(clone: Path, length: int) -> None:
    with Repository(clone) as repository, pytest.raises(RepositoryError, match="2 meanings"):
        repository.resolve(good(clone)[:length])


@pytest.mark.parametrize("length", [8, 20, 40])
def test_an_id_is_an_id(clone: Path, length: int) -> None:
    with Repository(clone) as repository:
        assert repository.resolve(good(clone)[:length]) == good(clone)


@pytest.mark.parametrize("name", ["HEAD", "@"])
def test_head_is_what_is_checked_out(clone: Path, name: str) -> None:
    with Repository(clone) as repository:
        assert repository.resolve(name) == evil(clone)


@pytest.mark.parametrize("branch", ["", "main", "origin/main"])
def test_the_base_branch_is_the_fetched_one(clone: Path, branch: str) -> None:
    with Repository(clone) as repository:
        found = base_branch(repository, branch)
    assert (found.reference, found.commit) == ("refs/remotes/origin/main", good(clone))


@pytest.mark.parametrize("branch", ["only", "gone"])
def test_no_tag_is_a_base_branch(clone: Path, branch: str) -> None:
    with Repository(clone) as repository, pytest.raises(RepositoryError, match="no branch"):
        base_branch(repository, branch)


def test_changed_files_are_those_since_the_branch(clone: Path) -> None:
    """By the tag, nothing would have changed, and nothing would be judged."""
    assert changed_files(clone, "origin/main") == {"a"}
    with pytest.raises(RepositoryError, match="2 meanings"):
        changed_files(clone, "both")


CI_FILES = [
    *sorted(ROOT.glob(".github/workflows/*.yml")),
    ROOT / "docs/gitlab-ci.yml",
    ROOT / "action.yml",
    ROOT / "scripts/meshgate/cli/template/.github/workflows/validate.yml",
]


@pytest.mark.parametrize("file", CI_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_ci_files_name_branches_whole(file: Path) -> None:
    """A checkout, fetch or comparison that runs or believes what it names, names it whole."""
    text = file.read_text("utf-8")
    for line in text.splitlines():
        code = line.partition("#")[0]
        # `origin/x` is a tag's name too.
        assert not re.search(r"(?<!remotes/)\borigin/\$", code), line
        if match := re.match(r"\s*ref:\s*(.+)", code):
            assert re.search(r"refs/heads/|\.sha\b|_sha\b", match[1]), line
    assert yaml.safe_load(text)
