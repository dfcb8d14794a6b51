"""The verdicts on many environments: kept ones where nothing has changed, the others by processes.

A task is some environments with all they are compared with; whoever judges it needs the files of
the repository, and nothing of another task. So it does not matter where and in which order tasks
are judged: each verdict is that of a run over all of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from meshgate.model import Environment
from meshgate.pipeline.files import Folder, Track, untracked
from meshgate.pipeline.judged import Judged, Settings, judge, with_upstream
from meshgate.pipeline.verdict import EnvironmentVerdict, from_json, to_json, verdict_of
from meshgate.pipeline.verdict_key import KeyPlace, own_key, verdict_key
from meshgate.source.cache import Cache

LOG = logging.getLogger(__name__)
SECTION = "verdicts"
# Environments of one task: what a process holds of them at once is bounded.
MOST_OF_A_TASK = 64
# Fewer are judged in less time than processes take to start.
FEW = 48
FINDINGS, UNDECIDED = "findings", "undecided"


class Task(Struct, frozen=True):
    """Some environments to be judged, as one process needs them.

    run      all that are judged together, in the order of the whole run
    wanted   those of them that a verdict is wanted of
    asked    those of these whose findings are asked for
    keys     under which verdicts are kept; of those that may be
    """

    root: Path
    cache: Path | None
    settings: Settings
    run: tuple[Environment, ...]
    wanted: frozenset[str]
    asked: frozenset[str]
    undecided: bool
    keys: dict[str, str]


# Verdicts come task by task, in whatever order.
Judge = Callable[[Sequence[Task]], Iterator[list[EnvironmentVerdict]]]


class VerdictQuestion(Struct, frozen=True):
    """What is asked of a repository: everything that decides what the answer is.

    environments  all of the repository; `wanted` those whose findings are asked for
    undecided     whether undecided calls and ports are to be counted
    beside        others that are judged along, since they share clusters with wanted ones
    """

    root: Path
    environments: Sequence[Environment]
    wanted: Sequence[Environment]
    settings: Settings
    cache: Path | None = None
    undecided: bool = False
    beside: Sequence[Environment] = ()

    @property
    def run(self) -> list[Environment]:
        """All that are judged: the wanted ones, those before them, and those beside."""
        return with_upstream((*self.wanted, *self.beside), self.environments)


def verdicts(
    question: VerdictQuestion,
    *,
    jobs: int = 1,
    pool: Callable[[int], AbstractContextManager[Judge]] | None = None,
    least: int = FEW,
    track: Track = untracked,
) -> dict[str, EnvironmentVerdict]:
    """The verdict on each wanted environment and on those before it, by name, in their order.

    Those before are only told whether they can be judged. With more than one of `jobs`, a `pool` of
    so many processes judges, where there are `least` environments to judge. Raises RuleError.
    """
    run = question.run
    cache = Cache(trusted(question), SECTION)
    asked = frozenset(each.name for each in question.wanted)
    keys = _keys(question, run, _own_keys(question, run), asked) if question.cache else {}
    known = {name: verdict for name, key in keys.items() if (verdict := _cached(cache, key, name))}
    LOG.debug("%d of %d verdicts are kept", len(known), len(run))
    left = [each for each in run if each.name not in known]
    with track("judging", len(left)) as step:
        parallel = pool is not None and jobs > 1 and len(left) >= max(least, 1)
        tasks = tasks_of(question, run, left, keys, jobs if parallel else 1)
        found: dict[str, EnvironmentVerdict] = {}
        if parallel and pool is not None:
            with pool(min(jobs, len(tasks))) as judge_tasks:
                _collect(judge_tasks(tasks), found, step)
        else:
            _collect(map(judged_task, tasks), found, step)
    return {each.name: known.get(each.name) or found[each.name] for each in run}


def verdicts_of(
    question: VerdictQuestion, judged: Mapping[str, Judged]
) -> dict[str, EnvironmentVerdict]:
    """The same of environments that are judged already. Raises RuleError."""
    asked = frozenset(each.name for each in question.wanted)
    return {
        name: verdict_of(each, findings=name in asked, undecided=question.undecided)
        for name, each in judged.items()
    }


def _collect(
    done: Iterable[list[EnvironmentVerdict]],
    found: dict[str, EnvironmentVerdict],
    step: Callable[[], object],
) -> None:
    for several in done:
        for verdict in several:
            found[verdict.environment] = verdict
            step()


def trusted(question: VerdictQuestion) -> Path | None:
    """The cache, unless it lies in what is judged: there a pull request could write a verdict."""
    if question.cache is None:
        return None
    cache, root = question.cache.resolve(), question.root.resolve()
    return None if cache.is_relative_to(root) else cache


def tasks_of(
    question: VerdictQuestion,
    run: Sequence[Environment],
    left: Sequence[Environment],
    keys: Mapping[str, str] | None = None,
    jobs: int = 1,
) -> list[Task]:
    """What is left to be judged, in tasks; those that share clusters are in one."""
    cached = (keys or {}) if trusted(question) else {}
    asked = frozenset(each.name for each in question.wanted)
    size = max(1, min(MOST_OF_A_TASK, -(-len(left) // (jobs * 4)))) if jobs > 1 else MOST_OF_A_TASK
    together: dict[str, list[Environment]] = {}
    for each in left:
        together.setdefault(clusters_of(each) or each.name, []).append(each)
    parts: list[list[Environment]] = [[]]
    for group in together.values():
        if parts[-1] and len(parts[-1]) + len(group) > size:
            parts.append([])
        parts[-1] += group
    sharing = _sharing(run)
    by_name = {each.name: each for each in run}
    place = {name: number for number, name in enumerate(by_name)}
    tasks = []
    for part in parts:
        needed = _needed(part, by_name, sharing)
        names = frozenset(each.name for each in part)
        ordered = sorted(needed, key=lambda each: place[each.name])
        tasks.append(
            Task(
                question.root,
                question.cache,
                question.settings,
                tuple(ordered),
                names,
                names & asked,
                question.undecided,
                {name: cached[name] for name in names if name in cached},
            )
        )
    return tasks if left else []


def _sharing(run: Iterable[Environment]) -> dict[str, list[Environment]]:
    """Those that share clusters, by what is equal of them."""
    sharing: dict[str, list[Environment]] = {}
    for each in run:
        if clusters := clusters_of(each):
            sharing.setdefault(clusters, []).append(each)
    return sharing


def _needed(
    part: Sequence[Environment],
    run: Mapping[str, Environment],
    sharing: Mapping[str, Sequence[Environment]],
) -> Iterable[Environment]:
    """Some environments with all that they are compared with."""
    needed = {each.name: each for each in with_upstream(part, run)}
    for each in part:
        needed |= {other.name: other for other in sharing.get(clusters_of(each), ())}
    return needed.values()


def singles(task: Task) -> list[Task]:
    """Each wanted environment in a task of its own, without those that only shared this one."""
    sharing = _sharing(task.run)
    run = {each.name: each for each in task.run}
    tasks = []
    for each in task.run:
        if each.name in task.wanted:
            names = {other.name for other in _needed([each], run, sharing)}
            alone = structs.replace(
                task,
                run=tuple(other for other in task.run if other.name in names),
                wanted=frozenset({each.name}),
                asked=task.asked & {each.name},
                keys={name: key for name, key in task.keys.items() if name == each.name},
            )
            tasks.append(alone)
    return tasks


def judged_task(task: Task, threads: int | None = None) -> list[EnvironmentVerdict]:
    """The verdicts that a task wants; those that may be are kept. Raises RuleError."""
    started = time.perf_counter()
    files = Folder(task.root, cache=task.cache, threads=threads)
    judged = judge(task.run, files, task.settings)
    share = (time.perf_counter() - started) / len(task.run)
    cache = Cache(task.cache, SECTION)
    found = []
    for name in (each.name for each in task.run if each.name in task.wanted):
        started = time.perf_counter()
        verdict = verdict_of(judged[name], findings=name in task.asked, undecided=task.undecided)
        verdict = structs.replace(
            verdict,
            seconds=share + time.perf_counter() - started,
            is_final=verdict.is_final and _is_final(judged[name], judged, files),
        )
        if verdict.is_final and name in task.keys:
            cache.put(task.keys[name], to_json(verdict))
        found.append(verdict)
    return found


def _is_final(judged: Judged, every: Mapping[str, Judged], files: Folder) -> bool:
    """Whether all that was compared with could be judged, from what its key has."""
    rests_on = [judged.name, *judged.environment.after, *judged.require_context().siblings]
    return files.asked_for_values.isdisjoint(rests_on) and all(
        every[name].context is not None for name in rests_on
    )


class CachedVerdicts:
    """The cached verdicts on the run of a question: whether each can be judged, and how much of it.

    `found` has them by name, with findings or without, of those that could be judged.
    """

    def __init__(self, question: VerdictQuestion) -> None:
        folder = trusted(question)
        self._cache = Cache(folder, SECTION)
        run = question.run if folder else ()
        own = _own_keys(question, run)
        # Under which those without findings are cached.
        self.keys = _keys(question, run, own, frozenset())
        self.found: dict[str, EnvironmentVerdict] = {}
        for keys in (self.keys, _keys(question, run, own, frozenset(own))):
            for name, key in keys.items():
                verdict = None if name in self.found else _cached(self._cache, key, name)
                if verdict is not None and verdict.refused is None:
                    self.found[name] = verdict

    def add(self, judged: Mapping[str, Judged], files: Folder) -> list[EnvironmentVerdict]:
        """Cache verdicts of environments that were judged beside all they are compared with.

        Returns those that may be cached.
        """
        final = []
        for name, each in judged.items():
            if all(other in judged for other in each.environment.after):
                verdict = verdict_of(each, findings=False)
                if verdict.is_final and _is_final(each, judged, files):
                    final.append(verdict)
                    if name in self.keys and name not in self.found:
                        self._cache.put(self.keys[name], to_json(verdict))
        return final


def _own_keys(question: VerdictQuestion, run: Sequence[Environment]) -> dict[str, str | None]:
    place = KeyPlace(question.root, question.cache, question.settings)
    return {each.name: own_key(each, place) for each in run}


def _keys(
    question: VerdictQuestion,
    run: Sequence[Environment],
    own: Mapping[str, str | None],
    asked: Collection[str],
) -> dict[str, str]:
    """The keys of the verdicts of a run; of those that have one. `asked`: with findings."""
    sharing: dict[str, list[str]] = {}
    for each in run:
        sharing.setdefault(clusters_of(each), []).append(each.name)
    keys = {}
    for each in run:
        clusters = clusters_of(each)
        key = verdict_key(
            own[each.name],
            [(name, own[name]) for name in each.after],
            [(name, own[name]) for name in sharing[clusters] if clusters],
            [FINDINGS] * (each.name in asked) + [UNDECIDED] * question.undecided,
        )
        if key is not None:
            keys[each.name] = key
    return keys


def _cached(cache: Cache, key: str, name: str) -> EnvironmentVerdict | None:
    """A kept verdict; None where there is none, or where it is not one on this environment."""
    value = cache.get(key)
    if value is None:
        return None
    try:
        verdict = from_json(value)
    except msgspec.ValidationError:
        return None
    return verdict if verdict.environment == name and verdict.is_final else None


def clusters_of(environment: Environment) -> str:
    """The clusters of an environment as text, equal where they are shared; empty: none named."""
    clusters = environment.clusters
    return msgspec.json.encode(clusters, order="sorted").decode() if clusters else ""
