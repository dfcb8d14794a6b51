"""What `environments.yaml` says of promotion and clusters counts in every command that judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.cli import main
from policy_repository import commit_all, copy_policies

COMMANDS = (
    ("validate",),
    ("posture",),
    ("posture", "prod"),
    ("calls",),
    ("explain", "boards/app-ui", "boards:8080", "--env", "prod"),
    ("who-can", "boards:8080"),
    ("render",),
    ("report", "--format", "html=page.html"),
    ("report", "--fleet", "--format", "html=page.html"),
    ("report", "--base", "HEAD", "--format", "html=page.html"),
    ("diff", "--base", "HEAD"),
    ("diff", "staging", "prod"),
    ("steps", "--base", "HEAD"),
    ("baseline",),
    ("tables", "--to", "tables"),
    ("verify", "prod", "--context", "none"),
    ("lint", "--commit", "--", "environments.yaml"),
)
BROKEN = {
    "window": ('cron: "0 9 * * 1-4"', 'cron: "0 9 30 2 *"', "is no cron expression"),
    "soak": ("promote: 30m", "promote: 99999999999999999999999d", "is no length of time"),
    "clusters": (
        "mesh-env: prod",
        "mesh-env: prod\n      names: [staging]",
        "a cluster could be of",
    ),
    "severity in defaults": (
        "  soak: {promote",
        "  severities: {CA077: error}\n  soak: {promote",
        "environments.yaml:38:16: there is no rule 'CA077'",
    ),
}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """This repository's policies as a commit, and then broken in one word."""
    made = {}
    for name, (word, wrong, _) in BROKEN.items():
        root = made[name] = copy_policies(tmp_path_factory.mktemp(name) / "repository", "sync")
        commit_all(root, "base")
        file = root / "environments.yaml"
        assert word in file.read_text()
        file.write_text(file.read_text().replace(word, wrong, 1))
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_it_in_the_same_words(
    command: tuple[str, ...],
    repositories: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    for name, (*_, words) in BROKEN.items():
        assert main(["-C", str(repositories[name]), *command]) == 2, name
        assert words in capsys.readouterr().err.splitlines()[0]
