"""A disk that is full: what was there stays, and the error says which disk and what for."""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import promoted
from live_objects import deployment, namespace, service
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cli.output import stream, write
from meshgate.errors import RepositoryError, UsageError
from meshgate.repository import MovedError, Repository, set_branch
from meshgate.source.cache import Cache, digest
from pipeline import Pipeline, copy
from recorded_api import recorded_api
from samples import WHOLE

Capture = pytest.CaptureFixture[str]
EVERY_SIZE = (0, 1, 40, 100, 150, 300, 500, 1000, 2000, 4096)
SIZES = EVERY_SIZE if WHOLE else EVERY_SIZE[::3]

pytestmark = pytest.mark.sampled(every=3)


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """No file of this process, or of one that it starts, can grow beyond that many bytes."""
    before, bytecode = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    # Python keeps half of a module's bytecode without a word, and fails over it ever after.
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = bytecode


@pytest.fixture(autouse=True)
def without_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor of the processes that are started."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def refs(folder: Path) -> str:
    return promoted.git(folder, "for-each-ref")


def sound(folder: Path) -> bool:
    """Whether git finds nothing wrong in a repository."""
    return "missing" not in promoted.git(folder, "fsck", "--full", "--no-dangling")


@pytest.mark.parametrize("size", SIZES)
def test_a_promotion_is_made_or_not(pipeline: Pipeline, capsys: Capture, size: int) -> None:
    """Wherever git or meshgate has to stop, the same command works when there is room."""
    shutil.rmtree(pipeline.work / ".git/gc.log", ignore_errors=True)
    held, published = refs(pipeline.work), refs(pipeline.hub)
    command = ["-C", str(pipeline.work), "promote", "staging", "--forge", "none", "--no-cache"]

    with no_file_above(size):
        code = main(command)
    told = capsys.readouterr().err
    if code:
        assert code in {3, 7}
        assert "internal error" not in told
        assert refs(pipeline.hub) == published
        assert not (pipeline.work / "pr.md").exists()
    assert sound(pipeline.work)
    assert main(command) == 0
    assert refs(pipeline.work) != held
    page = (pipeline.work / "pr.md").read_text()
    assert page.startswith("# ")
    assert "shop/cart:8080" in page


@pytest.fixture(scope="module")
def merged_once(pipeline_once: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A promotion to staging that no tag tells of. Never change it."""
    pipeline = copy(pipeline_once, tmp_path_factory.mktemp("merged"))
    pipeline.promoted("staging")
    return pipeline


@pytest.mark.parametrize("size", SIZES)
def test_a_record_is_made_or_not(
    merged_once: Pipeline, tmp_path: Path, capsys: Capture, size: int
) -> None:
    pipeline = copy(merged_once, tmp_path)
    held = refs(pipeline.hub)
    command = ["-C", str(pipeline.work), "record", "--forge", "none"]

    with no_file_above(size):
        code = main(command)
    if code:
        assert "internal error" not in capsys.readouterr().err
        assert refs(pipeline.hub) == held or sound(pipeline.hub)
    assert sound(pipeline.work)
    assert main(command) == 0
    assert "refs/tags/env/staging/" in refs(pipeline.hub)
    assert sound(pipeline.hub)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by_hand", ["", "kept: as it is\n" * 400])
def test_a_capture_is_whole_or_not_there(
    tmp_path: Path, capsys: Capture, size: int, by_hand: str
) -> None:
    """Also where what people wrote is too large to be copied."""
    root = tmp_path / "repository"
    init_command.init(root)
    objects = [
        each
        for name in ("a", "b", "c")
        for each in (namespace(name), service(name, "web"), deployment(name, "web"))
    ]
    with recorded_api(tmp_path, objects) as api:
        command = ["-C", str(root), "inventory", "capture", "prod", *api.options]
        assert main([*command, "--force"]) == 0
        if by_hand:
            (root / "inventory/prod/README.md").write_text(by_hand)
        held = contents(root)
        api.objects += [deployment(name, "more") for name in ("a", "b", "c")]
        capsys.readouterr()

        with no_file_above(size):
            code = main(command)
        told = capsys.readouterr().err
        if code:
            assert code == 2, told
            assert "File too large" in told
            assert "inventory/prod is as it was" in told
            assert contents(root) == held
        assert sorted(each.name for each in (root / "inventory").iterdir()) == ["dev", "prod"]
        assert main(command) == 0
        assert contents(root) != held


def contents(root: Path) -> dict[str, bytes]:
    folder = root / "inventory/prod"
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_branch_that_cannot_be_set_is_not_one_that_moved(pipeline: Pipeline) -> None:
    with Repository(pipeline.work) as repository:
        commit = repository.resolve("main")
        lock = pipeline.work / ".git/refs/heads/promote/x.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text("")
        with pytest.raises(RepositoryError, match="cannot set the branch promote/x") as caught:
            set_branch(repository, "promote/x", commit, expected=None)
        assert not isinstance(caught.value, MovedError)
        lock.unlink()
        set_branch(repository, "promote/x", commit, expected=None)
        with pytest.raises(MovedError):
            set_branch(repository, "promote/x", commit, expected=None)


def test_no_half_of_a_new_file_is_left(tmp_path: Path) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("old")
    for file in (new, old):
        with no_file_above(100), pytest.raises(UsageError, match="File too large"):
            write(file, "x" * 200_000)
        with no_file_above(100), pytest.raises(UsageError, match="File too large"):
            stream(file, ("x" * 1000 for _ in range(200)))
    assert not new.exists()
    assert old.exists()


def test_a_full_cache_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), no_file_above(10):
        for number in range(3):
            cache = Cache(tmp_path, "render")
            cache.put(digest(str(number)), "x" * 100)
            assert cache.get(digest(str(number))) is None
    assert len(caplog.records) == 1
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


def test_a_disk_without_a_name_is_told(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written to an open file has no name in the system's error."""

    def full(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("meshgate.cli.status.run", full)
    assert main(["-C", str(tmp_path), "status"]) == 3
    told = capsys.readouterr().err
    assert "or where output goes: No space left on device" in told
