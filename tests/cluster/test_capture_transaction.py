"""A capture writes all of an inventory or nothing, and loses nothing without a question."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from captured_cluster import capture
from live_objects import deployment, live, namespace, service
from meshgate import source
from meshgate.cluster.capture import files as capture_files
from meshgate.model import JSONObject
from recorded_api import RecordedApi

pytestmark = pytest.mark.sampled(every=3)

Capture = pytest.CaptureFixture[str]
MINE = """\
apiVersion: v1
kind: Service
metadata: {name: legacy, namespace: outside}
spec: {ports: [{name: http, port: 80}]}
"""


@pytest.fixture
def running_objects() -> list[JSONObject]:
    rules = [live("DestinationRule", "shop", f"rule-{n}", spec={"host": "web"}) for n in range(4)]
    return [
        *(namespace("shop"), namespace("jobs"), namespace("bank")),
        *(deployment("shop", "web"), deployment("jobs", "x"), deployment("bank", "y")),
        *(service("shop", "web"), *rules),
        live("ServiceEntry", "bank", "card", spec={"hosts": ["card.example"]}),
    ]


def files(root: Path) -> dict[str, bytes]:
    folder = root / "inventory/prod"
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def captured(repository: Path, api: RecordedApi) -> Path:
    assert capture(repository, api, "--force") == 0
    return repository


def aside(root: Path) -> list[str]:
    return [each.name for each in (root / "inventory").iterdir() if each.name.startswith(".")]


@pytest.mark.parametrize("written", range(4))
def test_a_full_disk_leaves_what_was_there(
    captured: Path,
    api: RecordedApi,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
) -> None:
    held, real = files(captured), capture_files.__dict__["_write"]
    done: list[Path] = []

    def full(file: Path, text: str) -> None:
        if len(done) == written:
            file.write_text(text[: len(text) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        done.append(file)
        real(file, text)

    monkeypatch.setattr(capture_files, "_write", full)
    for name in ("shop", "jobs", "bank", "new"):
        api.objects += [namespace("new"), deployment(name, "more")]

    assert capture(captured, api) == 2
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "inventory/prod is as it was" in told
    assert files(captured) == held
    assert aside(captured) == []


def test_an_interrupt_leaves_what_was_there(
    captured: Path, api: RecordedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = files(captured)
    real = Path.rename

    def stopped(self: Path, target: Path) -> Path:
        if self.name.startswith(capture_files.ASIDE) and not self.name.endswith("-former"):
            raise KeyboardInterrupt
        return real(self, target)

    api.objects.append(deployment("shop", "more"))
    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        raise SystemExit(capture(captured, api))
    monkeypatch.undo()

    assert files(captured) == held
    assert aside(captured) == []


# No process has the first; 0 stands for this one.
@pytest.mark.parametrize("gone", [2**22 + 1, 1, 0])
def test_what_a_killed_capture_left_is_cleared_up(
    captured: Path, api: RecordedApi, gone: int
) -> None:
    """Also of one in a container, whose process had an id that one here has."""
    held, gone = files(captured), gone or os.getpid()
    (captured / "inventory/prod").rename(captured / f"inventory/.capture-prod-{gone}-former")
    (captured / f"inventory/.capture-prod-{gone}").mkdir()
    running = captured / f"inventory/.capture-prod-{os.getpid()}x"
    running.mkdir()

    assert capture(captured, api) == 0
    assert files(captured) == held
    assert aside(captured) == [running.name]


def test_two_captures_do_not_write_at_once(
    captured: Path, api: RecordedApi, capsys: Capture
) -> None:
    held = files(captured)
    api.objects.append(deployment("shop", "more"))

    with capture_files.locked(captured, "dev"):
        assert capture(captured, api) == 2
    assert "another capture writes to this repository" in capsys.readouterr().err
    assert files(captured) == held
    assert capture(captured, api) == 0


@pytest.mark.parametrize(
    ("kind", "count"), [("DestinationRule", 4), ("ServiceEntry", 1), ("Service", 1)]
)
def test_every_kind_is_guarded(
    captured: Path, api: RecordedApi, capsys: Capture, kind: str, count: int
) -> None:
    held = files(captured)
    api.objects = [each for each in api.objects if each["kind"] != kind]

    assert capture(captured, api) == 2
    assert f"kind {kind}: {count} before, 0 now" in capsys.readouterr().err
    assert files(captured) == held
    assert capture(captured, api, "--force") == 0
    assert capture(captured, api) == 0


@pytest.mark.parametrize("kind", ["ServiceEntry", "EndpointSlice", "Deployment"])
def test_a_kind_that_is_served_no_longer_is_told(
    captured: Path, api: RecordedApi, capsys: Capture, kind: str
) -> None:
    api.unserved.add(kind)
    had = any(each["kind"] == kind for each in api.objects)

    assert capture(captured, api) == (2 if had else 0)
    told = capsys.readouterr().err
    if kind == "ServiceEntry":
        assert "kind ServiceEntry: 1 before, 0 now; the API server does not serve the kind" in told
    assert capture(captured, api, "--force") == 0
    plural = {"ServiceEntry": "serviceentries", "EndpointSlice": "endpointslices"}
    assert plural.get(kind, "deployments") in capsys.readouterr().err


def test_one_rule_of_four_may_go(captured: Path, api: RecordedApi) -> None:
    api.objects = [each for each in api.objects if each["metadata"]["name"] != "rule-3"]

    assert capture(captured, api) == 0


@pytest.mark.parametrize("name", ["manual/legacy.yaml", "legacy.yaml", "a/b/c.yaml"])
def test_what_people_wrote_is_left_and_judged(captured: Path, api: RecordedApi, name: str) -> None:
    file = captured / "inventory/prod" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(MINE)
    (file.parent / "README.md").write_text("why")
    api.objects.append(deployment("shop", "more"))

    assert capture(captured, api) == 0
    assert capture(captured, api, "--force") == 0
    assert file.read_text() == MINE
    assert (file.parent / "README.md").read_text() == "why"
    judged = source.read_folder(captured, "inventory/prod")
    assert [each.name for each in judged if each.namespace == "outside"] == ["legacy"]


def test_what_people_wrote_is_never_there_twice(
    captured: Path, api: RecordedApi, capsys: Capture
) -> None:
    file = captured / "inventory/prod/manual/web.yaml"
    file.parent.mkdir()
    file.write_text(MINE.replace("legacy", "web").replace("outside", "shop"))

    assert capture(captured, api) == 0
    assert "Service/shop/web stands in inventory/prod/manual/web.yaml" in capsys.readouterr().err
    judged = source.read_folder(captured, "inventory/prod")
    assert sum(each.kind == "Service" and each.name == "web" for each in judged) == 1


def test_a_file_of_people_is_not_written_over_without_a_question(
    captured: Path, api: RecordedApi, capsys: Capture
) -> None:
    file = captured / "inventory/prod/shop.yaml"
    file.write_text(MINE)

    assert capture(captured, api) == 2
    told = capsys.readouterr().err
    assert "inventory/prod/shop.yaml was written by hand" in told
    assert "inventory/prod/manual/" in told
    assert file.read_text() == MINE
