"""Claim: nothing that is judged takes all memory, waits for ever, or ends in a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from meshgate import process
from meshgate.cli import main
from meshgate.errors import BuildError, ToolError
from meshgate.process import Limits
from one_process import Ended, run_all
from promoted import ENVIRONMENTS, git

pytestmark = pytest.mark.sampled(every=2)

Change = Callable[[str, str], Path]

SEED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop}
data: {a: xxxxxxxxxxxxxxxx}
"""
COPY = (
    "- {source: {kind: ConfigMap, fieldPath: data}, targets: [{select: {kind: ConfigMap}, "
    "fieldPaths: [data.b, data.c], options: {create: true}}]}\n"
)


def test_replacements_that_copy_themselves_end_within_limits(
    hostile_repository: Change,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A third of what is allowed: the end is the same, and the machine is shared.
    monkeypatch.setattr("meshgate.source.kustomize.LIMITS", Limits(1 << 30, 64 << 20))
    root = hostile_repository("overlays/dev/a.yaml", SEED)
    (root / "overlays/dev/kustomization.yaml").write_text(
        "resources: [a.yaml]\nreplacements:\n" + COPY * 26, "utf-8"
    )

    assert main(["validate", "-C", str(root), "--no-cache"]) == BuildError.exit_code
    assert "overlays/dev does not render within" in capsys.readouterr().out


MEBIBYTE = 1 << 20
TAKES = {
    "memory": "import time; time.sleep(0.5); x = b'x' * (900 << 20); print(len(x))",
    "output": "import sys\nfor _ in range(64): sys.stdout.write('x' * (1 << 20))",
}


@pytest.mark.parametrize("what", TAKES)
def test_a_program_gets_no_more_than_its_limits(what: str) -> None:
    limits = Limits(memory=600 * MEBIBYTE, output=2 * MEBIBYTE)
    argv = [sys.executable, "-c", TAKES[what]]
    try:
        done = process.run(argv, timeout=20, limits=limits)
    except ToolError:
        return
    assert done.code != 0
    assert len(done.stdout) <= limits.output


def test_a_program_within_its_limits_is_read_whole() -> None:
    argv = [sys.executable, "-c", "print('x' * 100000)"]
    done = process.run(argv, timeout=20, limits=Limits(2048 * MEBIBYTE, MEBIBYTE))
    assert (done.code, len(done.stdout)) == (0, 100001)


PIPES = [
    *("environments.yaml", "promotion/toolchain.yaml", "overlays/dev/kustomization.yaml"),
    *("policies/mesh/peerauthentication-default.yaml", "inventory/dev/shop.yaml"),
    *("waivers/dev.yaml", "expectations/dev.yaml", ".sourceignore", ".gitignore"),
]


@pytest.mark.parametrize("file", PIPES)
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_file_is_told_and_never_waited_for(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], file: str, kind: str
) -> None:
    root = hostile_repository(file, "")
    (root / file).unlink()
    if kind == "pipe":
        os.mkfifo(root / file)
    elif kind == "link":
        (root / file).symlink_to("/etc/hostname")
    else:
        (root / file).mkdir()

    code = main(["validate", "-C", str(root), "--no-cache"])

    output = "".join(capsys.readouterr())
    assert "Traceback" not in output
    # An ignore file that cannot be read leaves nothing out: the floor is not met here.
    assert code in ({1} if "ignore" in file else {1, 2, 3}), output


WINDOWS = [
    '{from: "0001-01-01T00:00", to: "2026-01-01T00:00"}',
    '{from: "2026-01-01T00:00", to: "9999-12-31T23:59"}',
    '{from: "0001-01-01T00:00", to: "0001-01-02T00:00", timezone: Pacific/Kiritimati}',
    '{from: "9999-12-31T00:00", to: "9999-12-31T23:00", timezone: America/Los_Angeles}',
    '{from: "2026-01-01T00:00", to: "2026-01-01T00:00"}',
    '{cron: "0 0 31 2 *", duration: 1h}',
    '{cron: "99 99 99 99 99", duration: 1h}',
    '{cron: "* * * * *", duration: 99999999999w}',
    '{cron: "* * * * *", duration: 8h, timezone: ../../etc/passwd}',
    '{cron: "* * * * *", duration: 8h, timezone: "Europe/Berlin\\n"}',
]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_that_no_calendar_has_is_an_error(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], window: str
) -> None:
    entry = "{name: w, kind: deny, " + window.removeprefix("{")
    root = hostile_repository("environments.yaml", f"windows:\n  - {entry}\n{ENVIRONMENTS}")

    assert main(["validate", "-C", str(root)]) == 2
    assert "Traceback" not in capsys.readouterr().err


WITHOUT_GIT = [
    *(("check", "--base", "x"), ("status",), ("diff",)),
    *(("promote", "prod"), ("history", "prod")),
]


def meshgate_without_git(root: Path, *commands: Sequence[str]) -> list[Ended]:
    git(root, "init", "--quiet")
    (root / "environments.yaml").write_text(ENVIRONMENTS, "utf-8")
    return run_all(commands, folder=root, environment={"PATH": str(root)})


def test_without_git_the_package_is_named(tmp_path: Path) -> None:
    for ended in meshgate_without_git(tmp_path, *WITHOUT_GIT):
        assert ended.code == ToolError.exit_code, ended
        assert "apt-get install git" in ended.err
        assert "Traceback" not in ended.err


def test_help_needs_no_git(tmp_path: Path) -> None:
    commands = [(name, "--help") for name in ("check", "plan", "promote")]
    for ended in meshgate_without_git(tmp_path, *commands):
        assert (ended.code, ended.err) == (0, "")


GATES = {
    "a soak without time": "{name: g, type: soak}",
    "a type that is none": "{name: g, type: prayer}",
    "a key of another type": "{name: g, type: effects, duration: 1h}",
    "evidence from anybody": "{name: g, type: evidence, evidence: probe}",
    "effects without a limit": "{name: g, type: effects}",
    "events that are none": "{name: g, type: effects, loosened: 0, events: [never]}",
}


@pytest.mark.parametrize("name", GATES)
def test_validate_refuses_what_promotion_would_not_take(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text = (
        "environments:\n  - {name: dev, overlay: overlays/dev, mode: pinned, gates: [g], "
        "clusters: {selector: {a: b}}}\n"
        f"gates:\n  - {GATES[name]}\n"
    )
    root = hostile_repository("environments.yaml", text)

    assert main(["validate", "-C", str(root)]) == 2
    assert "Traceback" not in capsys.readouterr().err


FOREIGN = [
    *("evil.example.com/v1", "security.istio.io.evil.com/v1", "gateway.networking.k8s.io/v1"),
    *("networking.k8s.io/v1", "config.istio.io/v1"),
]


@pytest.mark.parametrize("version", FOREIGN)
@pytest.mark.parametrize("kind", ["PeerAuthentication", "DestinationRule", "Gateway"])
def test_a_kind_of_a_foreign_group_is_refused(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], kind: str, version: str
) -> None:
    text = (
        "environments:\n  - name: dev\n    overlay: overlays/dev\n    mode: floating\n"
        "    require:\n      mtls: PERMISSIVE\n"
        "      kinds: [PeerAuthentication, DestinationRule, Gateway]\n"
    )
    root = hostile_repository("environments.yaml", text)
    (root / "policies/shop/other.yaml").write_text(
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\n", "utf-8"
    )
    (root / "policies/shop/kustomization.yaml").write_text(
        "resources: [destinationrule-cart.yaml, other.yaml]\n", "utf-8"
    )

    assert main(["validate", "-C", str(root), "--no-cache"]) in {1, 6}
    output = capsys.readouterr().out
    assert "SH008" in output or "SH007" in output or "schema" in output
