"""Commits made of values, branches and tags at a remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.errors import RepositoryError
from meshgate.repository import (
    MovedError,
    Repository,
    base_branch,
    commit_files,
    fetch,
    push_branch,
    push_tag,
    remote_branch,
    set_branch,
    tag,
)
from promoted import commit, git
from two_commits import (
    WHEN,
)


@pytest.fixture
def remote(folder: Path, tmp_path: Path) -> Path:
    """A bare repository that the clone calls origin, with main."""
    bare = tmp_path / "remote.git"
    git(folder, "init", "--quiet", "--bare", "-b", "main", str(bare))
    git(folder, "remote", "add", "origin", str(bare))
    git(folder, "push", "--quiet", "origin", "main")
    return bare


class TestWriting:
    def test_a_commit_of_values_leaves_the_working_tree_alone(
        self, repository: Repository, folder: Path
    ) -> None:
        (folder / "b").write_text("mine\n")
        (folder / "staged").write_text("mine\n")
        git(folder, "add", "staged")
        before = git(folder, "status", "--porcelain")
        files = {"a/one": None, "a": b"now a file\n", "new/ünï": b"\x00\xff"}

        made = commit_files(repository, "main", files, "subject\n\nbody\n", when=WHEN)

        assert git(folder, "status", "--porcelain") == before
        assert repository.read(made, "a") == b"now a file\n"
        assert repository.read(made, "new/ünï") == b"\x00\xff"
        assert repository.read(made, "b") == b"3\n"
        assert git(folder, "log", "-1", "--format=%B%ct", made) == (
            f"subject\n\nbody\n{int(WHEN.timestamp())}"
        )
        again = commit_files(repository, "main", files, "subject\n\nbody\n", when=WHEN)
        assert again == made

    def test_without_a_name_git_says_so(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"):
            monkeypatch.delenv(name)
        monkeypatch.delenv("GIT_COMMITTER_EMAIL")
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
        with pytest.raises(RepositoryError) as caught:
            commit_files(repository, "main", {"n": b"n"}, "new")
        assert "git config" in caught.value.hint

    def test_a_branch_moves_only_from_where_it_is_known_to_be(self, repository: Repository) -> None:
        old, new = repository.resolve("main~1"), repository.resolve("main")
        set_branch(repository, "promote/x", old, expected=None)
        with pytest.raises(MovedError):
            set_branch(repository, "promote/x", new, expected=None)
        with pytest.raises(MovedError):
            set_branch(repository, "promote/x", new, expected=new)
        set_branch(repository, "promote/x", new, expected=old)
        assert repository.resolve("promote/x") == new

    def test_tags_are_made_once(self, repository: Repository, folder: Path) -> None:
        old, new = repository.resolve("main~1"), repository.resolve("main")
        assert tag(repository, "env/prod/0001", new, '{"a": 1}\n# kept\n') is True
        assert tag(repository, "env/prod/0001", new, "other") is False
        assert git(folder, "cat-file", "-t", "env/prod/0001") == "tag"
        assert "# kept" in git(folder, "cat-file", "-p", "env/prod/0001")
        with pytest.raises(RepositoryError, match="is on"):
            tag(repository, "env/prod/0001", old, "other")


class TestRemote:
    def test_pushes_are_compare_and_swap(self, repository: Repository, remote: Path) -> None:
        base = repository.resolve("main")
        one = commit_files(repository, base, {"n": b"1"}, "one", when=WHEN)
        two = commit_files(repository, base, {"n": b"2"}, "two", when=WHEN)
        push_branch(repository, "promote/x", one, expected=None)
        assert remote_branch(repository, "promote/x") == one
        for expected in (None, base):
            with pytest.raises(MovedError):
                push_branch(repository, "promote/x", two, expected=expected)
        push_branch(repository, "promote/x", two, expected=one)
        push_branch(repository, "promote/x", two, expected=two)
        assert remote_branch(repository, "promote/x") == two
        assert remote_branch(repository, "promote/y") is None
        assert git(remote, "rev-parse", "main") == base

    def test_tags_are_pushed_once(self, repository: Repository, folder: Path, remote: Path) -> None:
        tag(repository, "t", "main", "first")
        push_tag(repository, "t")
        push_tag(repository, "t")
        assert git(remote, "cat-file", "-t", "t") == "tag"
        git(folder, "tag", "-f", "-a", "-m", "second", "t", "main~1")
        with pytest.raises(MovedError, match="another tag"):
            push_tag(repository, "t")

    def test_the_branch_that_counts(self, repository: Repository, remote: Path) -> None:
        fetch(repository)
        ahead = commit(repository.root, {"b": "4\n"}, "not pushed", day=2)

        found = base_branch(repository)

        assert (found.branch, found.reference) == ("main", "refs/remotes/origin/main")
        assert found.commit != ahead
        git(repository.root, "branch", "other")
        assert base_branch(repository, "other").commit == ahead
        with pytest.raises(RepositoryError, match="no branch nope"):
            base_branch(repository, "nope")
        assert git(remote, "rev-parse", "main") == found.commit

    def test_without_a_remote_the_clones_own_branch_counts(self, repository: Repository) -> None:
        assert base_branch(repository).reference == "refs/heads/main"

    def test_a_remote_that_is_gone(self, repository: Repository, tmp_path: Path) -> None:
        git(repository.root, "remote", "add", "origin", str(tmp_path / "gone"))
        with pytest.raises(RepositoryError, match="cannot fetch from origin") as caught:
            fetch(repository)
        assert "gone" in caught.value.why
