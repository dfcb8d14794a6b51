"""Commits, branches and tags, read and made in real repositories without their working tree."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from meshgate.errors import RepositoryError, ToolError
from meshgate.repository import (
    Repository,
    TreeEntry,
    additions,
    commit_files,
    commits_between,
    extract,
    is_ancestor,
    mainline,
    merge_base,
    trees,
)
from meshgate.repository import repository as repository_module
from meshgate.repository.cat_file import ObjectReader
from promoted import START, commit, git
from two_commits import (
    WHEN,
)


class TestReading:
    def test_references(self, repository: Repository, folder: Path) -> None:
        head = git(folder, "rev-parse", "HEAD")

        assert repository.resolve("main") == repository.resolve(head[:9]) == head
        assert repository.resolve("main~1") != head
        assert repository.object_id("main", "a") == git(folder, "rev-parse", "main:a")
        assert repository.object_id("main", "c") is None

    @pytest.mark.parametrize("name", ["", "none", "--all", "main\nHEAD", "main x", "main:a"])
    def test_what_names_no_commit_is_an_error(self, repository: Repository, name: str) -> None:
        with pytest.raises(RepositoryError, match="git knows no commit"):
            repository.resolve(name)
        assert repository.resolve("main")

    def test_files_of_paths_are_those_that_git_lists(
        self, repository: Repository, folder: Path
    ) -> None:
        files = {"a/b/c": "1\n", "a/b.d": "2\n", "ab/c": "3\n", "b": "4\n", "é/x y": "5\n"}
        commit(folder, files, "more", day=2)
        (folder / "link").symlink_to("a")
        git(folder, "rm", "--quiet", "b")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", "and a link")

        for paths in (("a",), ("a/",), ("a/b", "a"), ("ab", "link", "é"), ("b",), ("link/b",), ()):
            listed = git(folder, "ls-tree", "-r", "-z", "HEAD", "--", *paths).split("\0")
            wanted = [line.replace(" blob ", " ").split() for line in listed if line]
            entries = repository.entries("HEAD", *paths)
            assert [entry.path for entry in entries] == [
                line.partition("\t")[2] for line in listed if line
            ], paths
            assert [(entry.mode, entry.blob) for entry in entries] == [
                (mode, blob) for mode, blob, *_ in wanted
            ], paths

    def test_folders_without_end_are_an_error(self) -> None:
        with pytest.raises(ValueError, match="x/x/x"):
            list(trees.below("top", ["x"], lambda _: [TreeEntry("x", trees.FOLDER, "again")]))

    def test_what_is_asked_about_ids_is_asked_once(
        self, repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = git(folder, "rev-parse", "HEAD~1"), git(folder, "rev-parse", "HEAD")
        asked: list[str] = []
        run = repository.run

        def counted(*words: str, **how: str) -> str:
            asked.append(words[0])
            return run(*words, **how)  # type: ignore[arg-type] # options as they come

        monkeypatch.setattr(repository, "run", counted)

        for _ in range(2):
            assert is_ancestor(repository, first, second)
            assert [each.sha for each in mainline(repository, second)] == [second, first]
        assert asked == ["merge-base", "log"]
        commit(folder, {"b": "4\n"}, "change b again", day=2)
        for _ in range(2):
            assert len(mainline(repository, "main")) == 3
        assert asked == ["merge-base", "log", "log", "log"]

    def test_what_an_id_names_is_read_once(
        self, repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        head = git(folder, "rev-parse", "HEAD")
        asked: list[str] = []
        ask = ObjectReader.id

        def counted(self: ObjectReader, name: str) -> str:
            asked.append(name)
            return ask(self, name)

        monkeypatch.setattr(ObjectReader, "id", counted)
        before = repository.resolve("main")
        for _ in range(2):
            assert repository.object_id(head, "a") == git(folder, "rev-parse", f"{head}:a")
            assert repository.read(head, "b") == b"3\n"
            assert repository.object_id(head, "c") is None
        assert asked.count(f"{head}:a") == asked.count(f"{head}^{{tree}}") == 1

        # What a name says, and what was not there, may be another thing by now.
        moved = commit(folder, {"b": "4\n"}, "again", day=2)
        assert (repository.resolve("main"), before) == (moved, head)
        assert asked.count(f"{head}:c") == 2
        repository.forget()
        assert repository.object_id(head, "a")
        assert asked.count(f"{head}:a") == 2

    def test_files_that_are_remembered_have_a_limit(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(repository_module, "MOST_CONTENT", 8)
        monkeypatch.setattr(repository_module, "LARGEST_CONTENT", 6)
        files = {"c": "12345", "d": "123", "large": "1234567", "more": "12"}
        head = commit(folder, files, "more", day=2)
        read: list[str] = []
        content = ObjectReader.content

        def counted(self: ObjectReader, object_id: str, **how: int) -> bytes:
            read.append(object_id)
            return content(self, object_id, **how)

        monkeypatch.setattr(ObjectReader, "content", counted)
        with Repository(folder) as limited:
            blobs = {entry.path: entry.blob for entry in limited.entries(head)}
            read.clear()
            for path in ("c", "d", "c", "d", "large", "large", "more", "c"):
                assert limited.blob(blobs[path]) == files[path].encode()
        # Those that fit are read once, until one more does not fit beside them.
        assert read == [blobs[path] for path in ("c", "d", "large", "large", "more", "c")]

    def test_git_that_ends_in_the_middle_is_an_error(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No answer, or half a file, is neither "not there" nor a file."""
        program = tmp_path / "bin/git"
        program.parent.mkdir()
        git_itself = shutil.which("git")
        blob = git(folder, "rev-parse", "main:b")
        for how, answer in (
            ("--batch", "true"),
            ("--batch", f"echo {blob} blob 9; echo half"),
            ("--batch-check", "read name"),
        ):
            program.write_text(
                f'#!/bin/sh\n[ "$2" = {how} ] && {{ {answer}; exit; }}\nexec {git_itself} "$@"\n'
            )
            program.chmod(0o755)
            monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
            with Repository(folder) as repository, pytest.raises(ToolError, match="git ended"):
                repository.blob(blob) if how == "--batch" else repository.object_id("main", "no")

    def test_files(self, repository: Repository) -> None:
        assert repository.read("main", "b") == b"3\n"
        assert repository.read("main~1", "b") == b"2\n"
        assert repository.read("main", "a") is None
        assert [(entry.path, entry.mode) for entry in repository.entries("main", "a")] == [
            ("a/one", "100644")
        ]

    def test_a_hooks_variables_lead_nowhere(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        git(other, "init", "--quiet", "-b", "main")
        commit(other, {"x": "x"}, "elsewhere")
        before = (other / ".git/index").read_bytes()
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
            ends = {"GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}.get(name, ".git")
            ends = ".git/objects" if name == "GIT_OBJECT_DIRECTORY" else ends
            monkeypatch.setenv(name, str(other / ends))

        with Repository(folder) as repository:
            assert repository.read("main", "b") == b"3\n"
            made = commit_files(repository, "main", {"n": b"n"}, "new", when=WHEN)
            assert repository.read(made, "n") == b"n"

        assert (other / ".git/index").read_bytes() == before
        assert os.environ["GIT_DIR"] == str(other / ".git")

    def test_a_linked_worktree(self, folder: Path, tmp_path: Path) -> None:
        git(folder, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))

        with Repository(tmp_path / "linked") as repository:
            made = commit_files(repository, "main", {"n": b"n"}, "new", when=WHEN)
            assert repository.read(made, "n") == b"n"

    def test_a_folder_below_the_top_is_refused(self, folder: Path) -> None:
        with pytest.raises(RepositoryError, match="within the git repository"):
            Repository(folder / "a")

    def test_no_repository(self, tmp_path: Path) -> None:
        with pytest.raises(RepositoryError, match="not in a git repository"):
            Repository(tmp_path)


class TestExtract:
    def test_the_bytes_of_a_commit_whatever_its_attributes_say(
        self, folder: Path, tmp_path: Path
    ) -> None:
        text = {
            ".gitattributes": "a/** export-ignore\nb export-subst eol=crlf\n",
            "b": "$Format:%H$\n",
            "a/run": "run\n",
        }
        commit(folder, text, "attributes")
        (folder / "a/run").chmod(0o755)
        (folder / "a/link").symlink_to("../b")
        (folder / "a/away").symlink_to("/etc/hostname")
        commit(folder, {}, "links")
        out = tmp_path / "out"
        with Repository(folder) as repository:
            extract(repository, "main", ["a", "b"], out)

        assert (out / "b").read_bytes() == b"$Format:%H$\n"
        assert (out / "a/one").read_bytes() == b"1\n"
        assert os.access(out / "a/run", os.X_OK)
        assert (out / "a/link").readlink().as_posix() == "../b"
        assert (out / "a/away").is_symlink()
        assert not (out / ".gitattributes").exists()

    @pytest.mark.parametrize(
        ("paths", "why"),
        [
            ([("120000", "a"), ("100644", "a/x")], "is no path of a working tree"),
            ([("100644", "../x")], "is no path of a working tree"),
            ([("100644", "a/.GIT/config")], "is no path of a working tree"),
            ([("100644", "a\\b")], "is no path of a working tree"),
            ([("160000", "a")], "is a submodule"),
            ([("100644", "a"), ("100644", "a")], "has a path twice"),
        ],
        ids=["through-a-link", "upwards", "into-git", "backslash", "submodule", "twice"],
    )
    def test_a_crafted_tree_is_refused(
        self,
        repository: Repository,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        paths: list[tuple[str, str]],
        why: str,
    ) -> None:
        """Git makes no such trees; whoever can push objects can."""
        [blob] = repository.store([b"x"])
        listed = "\0".join(f"{mode} blob {blob}\t{path}" for mode, path in paths)
        monkeypatch.setattr(repository, "run", lambda *_, **__: listed)
        with pytest.raises(RepositoryError, match=why):
            extract(repository, "main", [], tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_large_file_is_refused(self, repository: Repository, tmp_path: Path) -> None:
        made = commit_files(repository, "main", {"big": b"x" * (20 * 2**20 + 1)}, "big")
        with pytest.raises(RepositoryError, match="larger than 20 MiB"):
            extract(repository, made, ["big"], tmp_path / "out")
        assert repository.read("main", "b") == b"3\n"


class TestHistory:
    def test_the_main_line(self, repository: Repository) -> None:
        assert [each.subject for each in mainline(repository, "main")] == ["change b (#7)", "start"]
        assert [each.subject for each in mainline(repository, "main", "a")] == ["start"]
        newest = mainline(repository, "main")[0]
        assert (newest.pull_request, newest.author) == (7, "A Test <test@example.com>")
        assert newest.committed_at == START + dt.timedelta(days=1)

    def test_a_merge_stands_for_what_it_brought(self, repository: Repository, folder: Path) -> None:
        git(folder, "switch", "--quiet", "-c", "topic")
        message = "one\n\nCo-authored-by: Cleo <cleo@example.com>"
        commit(folder, {"a/one": "11\n"}, message, day=2)
        git(folder, "commit", "--allow-empty", "-qm", "two", "--author", "Bo <bo@example.com>")
        git(folder, "switch", "--quiet", "main")
        said = "Merge pull request #9 from x/topic\n\nA better one"
        git(folder, "merge", "--quiet", "--no-ff", "topic", "-m", said, day=3)

        (merged,) = commits_between(repository, "main~1", "main", "a")

        assert (merged.subject, merged.pull_request) == ("A better one", 9)
        names = {merged.author, *merged.co_authors}
        assert names == {
            "A Test <test@example.com>",
            "Cleo <cleo@example.com>",
            "Bo <bo@example.com>",
        }
        assert commits_between(repository, "main~1", "main", "b") == []

    @pytest.mark.parametrize(
        ("message", "number", "subject"),
        [
            ("mesh: strict (#12)", 12, "mesh: strict (#12)"),
            ("Merge pull request 'Be strict' (#3) from a/b into main", 3, "Be strict"),
            ("mesh: strict (!4)", 4, "mesh: strict (!4)"),
            ("Merge branch 'a' into 'main'\n\nT\n\nSee merge request g/p!5", 5, None),
            ("mesh: strict, see #12", None, "mesh: strict, see #12"),
        ],
    )
    def test_numbers_of_pull_requests(
        self,
        repository: Repository,
        folder: Path,
        message: str,
        number: int | None,
        subject: str | None,
    ) -> None:
        commit(folder, {}, message, day=2)
        (newest, *_) = mainline(repository, "main~0")
        found = structs.replace(newest, message=message)

        assert found.pull_request == number
        assert subject is None or found.subject == subject

    def test_ancestry(self, repository: Repository, folder: Path) -> None:
        git(folder, "switch", "--quiet", "--orphan", "alone")
        alone = commit(folder, {"z": "z"}, "alone")
        old, new = repository.resolve("main~1"), repository.resolve("main")

        assert merge_base(repository, old, new) == old
        assert (is_ancestor(repository, old, new), is_ancestor(repository, new, old)) == (
            True,
            False,
        )
        assert merge_base(repository, alone, new) is None

    def test_what_added_a_file(self, repository: Repository, folder: Path) -> None:
        added = commit(folder, {"a/two": "2\n"}, "two", day=2)
        commit(folder, {"a/two": "3\n"}, "three", day=3)

        found = additions(repository, "main", "a/")

        assert found == {"a/one": repository.resolve("main~3"), "a/two": added}
