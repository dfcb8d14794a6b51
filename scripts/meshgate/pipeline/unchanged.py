"""Environments that a change leaves as they are, and that are known: they need not be judged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from msgspec import structs

from meshgate.model import Environment
from meshgate.pipeline.files import Folder, Track, untracked
from meshgate.pipeline.judged import Judged, with_upstream
from meshgate.pipeline.judged_tree import JudgedTree
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdicts import FEW, CachedVerdicts, Judge, VerdictQuestion, tasks_of


class Judges(NamedTuple):
    """Who judges many environments: so many processes, and what shows how far they are."""

    jobs: int
    pool: Callable[[int], AbstractContextManager[Judge]]
    track: Track = untracked


class UnchangedEnvironments:
    """The verdicts on those of a run that are spared, by name.

    same    the environments of which nothing differs from a tree of git
    tree    its id; empty where there is none
    inputs  every file that sources read
    judges  who judges where many are unknown, as tasks; None: they are not spared
    """

    def __init__(
        self,
        question: VerdictQuestion,
        same: Collection[str],
        tree: str,
        inputs: Callable[[str], frozenset[str]],
        judges: Judges | None = None,
    ) -> None:
        self._same = frozenset(same)
        self._tree = JudgedTree(question, tree)
        self._tree.carry_over([e for e in question.environments if e.name in self._same], inputs)
        by_tree = {name: each for name, each in self._tree.found.items() if name in self._same}
        run = with_upstream(
            [each for each in question.environments if each.name in self._same],
            question.environments,
        )
        left = [each for each in run if each.name not in by_tree]
        self._cached = CachedVerdicts(structs.replace(question, wanted=left, beside=()))
        self._learned: list[EnvironmentVerdict] = []
        known = {**self._cached.found, **by_tree}
        unknown = [each for each in run if each.name not in known]
        if judges is not None and len(unknown) >= FEW:
            known |= self._judged(question, run, unknown, judges)
        dependent = _after(question.environments, (each.name for each in run), known)
        self.verdicts: Mapping[str, EnvironmentVerdict] = {
            name: verdict
            for name, verdict in known.items()
            if name in self._same and name not in dependent
        }

    def _judged(
        self,
        question: VerdictQuestion,
        run: Sequence[Environment],
        unknown: Sequence[Environment],
        judges: Judges,
    ) -> dict[str, EnvironmentVerdict]:
        """The verdicts on those that could be judged now; their findings are not asked."""
        bare = structs.replace(question, wanted=())
        tasks = tasks_of(bare, run, unknown, self._cached.keys, judges.jobs)
        found: dict[str, EnvironmentVerdict] = {}
        with (
            judges.pool(min(judges.jobs, len(tasks))) as judge_tasks,
            judges.track("judging", len(unknown)) as step,
        ):
            for verdict in itertools.chain.from_iterable(judge_tasks(tasks)):
                if verdict.refused is None:
                    found[verdict.environment] = verdict
                step()
        # What rests on objects elsewhere holds for this run alone.
        self._learned += (each for each in found.values() if each.is_final)
        return found

    def learn(self, judged: Mapping[str, Judged], files: Folder) -> None:
        """Take what was judged, for the next run."""
        self._learned += self._cached.add(judged, files)

    def keep(self) -> None:
        """Keep what was learned, and what was found by its key."""
        known = (*self._cached.found.values(), *self._learned)
        self._tree.add(each for each in known if each.environment in self._same)


def _after(
    environments: Sequence[Environment], run: Iterable[str], known: Collection[str]
) -> frozenset[str]:
    """Those of a run that are unknown, and all that come after one of them."""
    followers: dict[str, list[str]] = {}
    for each in environments:
        for name in each.after:
            followers.setdefault(name, []).append(each.name)
    waiting = [name for name in run if name not in known]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += followers.get(name, ())
    return frozenset(found)
