"""What reads the history asks git for all of it at once, however long it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import promoted
from meshgate.promotion.promote import newer_releases
from meshgate.promotion.records import Release
from meshgate.repository import Repository
from pipeline import Pipeline


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
