"""Who made what a merge brought: read for many merges at once, as for each on its own."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

import promoted
from meshgate.repository import Repository, commits_between, history
from meshgate.repository.commit import Commit


def tangled(work: Path, seed: int, steps: int = 120) -> None:
    """Branches that are merged into main and into each other, some twice, several in one second."""
    dice = random.Random(seed)
    promoted.start(work)
    lines = []
    tips = {"main": "refs/heads/main^0"}
    start = int(promoted.START.timestamp()) + 86_400
    for number in range(1, steps + 1):
        branch = dice.choice(("main", "main", "one", "two", "three"))
        name = f"P{dice.randrange(6)} <p{dice.randrange(6)}@example.com>"
        # Where a clock went back, git's own `A..B` may name commits that A has, too.
        when = start + (number // 3) * 60
        begin = tips.get(branch, tips["main"])
        text = f"{number}" + "\n\nCo-authored-by: Cleo <c@d>" * (dice.random() < 0.2)
        others = [tip for other, tip in tips.items() if tip != begin]
        merged = dice.sample(others, min(len(others), dice.choice((0, 1, 1, 2))))
        lines += [
            f"commit refs/heads/{branch}\nmark :{number}\ncommitter {name} {when} +0000",
            f"data {len(text)}\n{text}\nfrom {begin}",
            *(f"merge {tip}" for tip in merged),
            f"M 100644 inline {dice.choice('ab')}/{number}\ndata 1\nx",
        ]
        tips[branch] = f":{number}"
    content = "\n".join([*lines, ""]).encode()
    importing = ["git", "fast-import", "--quiet", "--force"]
    subprocess.run(importing, cwd=work, input=content, check=True)


@pytest.mark.whole
def test_many_are_told_as_each_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    real = Repository.ask

    def counted(self: Repository, *arguments: str, about: Iterable[str], what: str = "") -> str:
        asked.append(arguments)
        return real(self, *arguments, about=about, what=what)

    monkeypatch.setattr(Repository, "ask", counted)
    for seed in range(8):
        tangled(tmp_path / f"{seed}", seed)
        with Repository(tmp_path / f"{seed}") as repository:
            line = [each.sha for each in history.mainline(repository, "main")]
            aside = repository.resolve("one")
            for old in (None, line[-1], line[len(line) // 2], aside):
                for paths in ((), ("a",)):
                    found: list[list[Commit]] = []
                    for few in (0, 10**6):
                        monkeypatch.setattr(history, "FEW_MERGES", few)
                        asked.clear()
                        found.append(commits_between(repository, old, line[0], *paths))
                        if few == 0 and old != aside:
                            assert len(asked) <= 2, "however many merges there are"
                    assert found[0] == found[1]
                    assert any(len(each.parents) > 1 for each in found[0]) or old == aside
