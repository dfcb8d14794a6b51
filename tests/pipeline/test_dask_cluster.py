"""A Dask cluster that is not there, and the archive that would be sent to one.

What a real one says is tried by `nox -s dask`.
"""

from __future__ import annotations

import datetime
import socket
import sys
import time
from pathlib import Path

import pytest
from msgspec import structs

from fleet_repository import write_fleet
from meshgate import config
from meshgate.cli import main
from meshgate.errors import ToolError, install_beside
from meshgate.pipeline import Settings, archive, dask_cluster, verdicts
from meshgate.pipeline.verdicts import VerdictQuestion


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    return write_again(tmp_path / "fleet")


def write_again(root: Path) -> Path:
    write_fleet(root, 3)
    (root / "policies/link.yaml").symlink_to("/etc/hostname")
    (root / "policies/linked").symlink_to("../overlays")
    (root / "empty").mkdir()
    (root / ".git").mkdir()
    (root / ".git/config").write_text("", encoding="utf-8")
    return root


@pytest.mark.parametrize("answers", [True, False])
def test_nobody_answers(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: bool
) -> None:
    """Neither where nothing listens, nor where something does that is no scheduler."""
    monkeypatch.setattr(dask_cluster, "ANSWER", 1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answers:
            server.listen()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        assert main(["validate", "-C", str(fleet), "--no-cache", "--scheduler", address]) == 7
        assert time.monotonic() - started < 20
    assert f"the scheduler {address} does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1", "tcp://", "tcp://a:b"])
def test_an_address_is_none(
    fleet: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    monkeypatch.setattr(dask_cluster, "ANSWER", 1)
    assert main(["validate", "-C", str(fleet), "--no-cache", "--scheduler", address]) == 7
    assert f"the scheduler {address} does not answer" in capsys.readouterr().err


def test_the_extra_is_not_installed(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
    assert main(["validate", "-C", str(fleet), "--no-cache"]) == 4
    assert install_beside("distributed") in capsys.readouterr().err


def test_equal_folders_are_equal_archives(fleet: Path, tmp_path: Path) -> None:
    packed = archive.archive(fleet)
    time.sleep(1.1)
    assert archive.archive(write_again(tmp_path / "again")) == packed
    digest = archive.digest_of(packed)
    found = archive.unpack(packed, digest, tmp_path / "worker")
    assert found == tmp_path / "worker" / digest
    names = {path.relative_to(fleet) for path in fleet.rglob("*") if ".git" not in path.parts}
    assert {path.relative_to(found) for path in found.rglob("*")} == names
    assert all(
        (found / name).readlink() == (fleet / name).readlink()
        if (fleet / name).is_symlink()
        else (found / name).is_dir() or (found / name).read_bytes() == (fleet / name).read_bytes()
        for name in names
    )


def test_old_archives_make_room(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for number in range(7):
        (tmp_path / "root/file").write_text(str(number), encoding="utf-8")
        packed = archive.archive(tmp_path / "root")
        archive.unpack(packed, archive.digest_of(packed), tmp_path / "worker")
    left = sorted((tmp_path / "worker").iterdir(), key=lambda each: each.stat().st_mtime_ns)
    assert len(left) == archive.MOST_UNPACKED
    assert (left[-1] / "file").read_text("utf-8") == "6"


def test_what_arrives_is_what_was_sent(fleet: Path, tmp_path: Path) -> None:
    packed = archive.archive(fleet)
    with pytest.raises(ToolError, match="did not arrive"):
        archive.unpack(packed + b"x", archive.digest_of(packed), tmp_path / "worker")


def test_too_much_is_not_sent(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 10)
    with pytest.raises(ToolError, match="it is not sent"):
        archive.archive(fleet)


def test_a_task_is_taken_apart(tmp_path: Path) -> None:
    """Into what a run over each environment alone would judge."""
    root = write_fleet(tmp_path / "root", 14)
    every = config.load(root).environments
    question = VerdictQuestion(root, every, every, Settings(datetime.date(2026, 8, 1)))
    (whole,) = verdicts.tasks_of(question, question.run, question.run)
    taken = verdicts.singles(whole)
    assert [each.wanted for each in taken] == [{each.name} for each in whole.run]
    names = {min(each.wanted): [other.name for other in each.run] for each in taken}
    assert names["env-0"] == ["env-0"]
    assert names["env-9"] == ["env-5", "env-6", "env-7", "env-8", "env-9"]
    # They share clusters.
    assert {"env-3", "env-13"} <= set(names["env-3"])
    local = {each.environment: each for each in verdicts.judged_task(whole)}
    for single in taken[3:6]:
        (verdict,) = verdicts.judged_task(single)
        wanted = local[verdict.environment]
        assert structs.replace(verdict, seconds=0.0) == structs.replace(wanted, seconds=0.0)
