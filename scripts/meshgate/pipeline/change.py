"""What lies between two revisions of a repository, environment by environment."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate import config, source
from meshgate.effect import Effect, effect
from meshgate.effect.observed import Replay, known_calls, replay
from meshgate.errors import MeshgateError, SourcesError, UsageError
from meshgate.model import Environment, Finding, Position, Resource, Traffic
from meshgate.pipeline.affected import unaffected
from meshgate.pipeline.files import Folder
from meshgate.pipeline.input_index import InputIndex
from meshgate.pipeline.judged import Judged, Settings, judge, with_upstream
from meshgate.pipeline.reports import failures_of
from meshgate.pipeline.revisions import GitRevisions
from meshgate.pipeline.seen_traffic import age, seen_traffic
from meshgate.pipeline.targets import select
from meshgate.pipeline.unchanged import Judges, UnchangedEnvironments
from meshgate.pipeline.verdict import EnvironmentVerdict, verdict_of
from meshgate.pipeline.verdicts import MOST_OF_A_TASK, VerdictQuestion
from meshgate.rules import rules_of
from meshgate.rules.judge import judge as judge_rules
from meshgate.rules.rule import Phase

# What a change must not do. The other rules judge a state, which `validate` does.
CHANGE_RULES = rules_of(Phase.CHANGE)


@dataclass(frozen=True)
class Comparison:
    """One environment on both sides.

    upstream  the environments before it, as they are after the change
    traffic   calls that were seen there
    """

    before: Judged
    after: Judged
    upstream: Sequence[Judged] = ()
    traffic: Traffic | None = None

    @property
    def environment(self) -> Environment:
        """The environment as it is after the change."""
        return self.after.environment

    @functools.cached_property
    def effect(self) -> Effect:
        """What the change does to calls and ports."""
        if self.before is self.after:
            return Effect()
        return effect(
            self.before.mesh,
            self.after.mesh,
            expected=self.environment.expectations,
            seen=known_calls(self.traffic.calls, self.before.mesh) if self.traffic else (),
            upstream={each.name: each.mesh_by(self.environment.names) for each in self.upstream},
        )

    @functools.cached_property
    def replayed(self) -> tuple[Traffic, Replay] | None:
        """The calls that were seen, and what the change does to them; None: none are given."""
        if self.traffic is None:
            return None
        return self.traffic, replay(self.traffic.calls, self.before.mesh, self.after.mesh)

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules on changes find. Raises RuleError."""
        context = structs.replace(self.after.require_context(), effect=self.effect)
        return tuple(judge_rules(context, CHANGE_RULES, self._locate()))

    def _locate(self) -> Callable[[Resource, str], Position | None]:
        """Where objects are written that are still there: there is no line of what is deleted."""
        there = set(map(id, self.after.require_context().resources.all))

        def locate(resource: Resource, path: str) -> Position | None:
            return self.after.locate(resource, path) if id(resource) in there else None

        return locate


class EnvironmentDiff(Struct, frozen=True):
    """What is said of one environment that could be judged on both sides.

    verdict   on it as it is after the change; without findings
    replayed  as `Comparison.replayed`
    """

    verdict: EnvironmentVerdict
    effect: Effect = Effect()
    findings: tuple[Finding, ...] = ()
    replayed: tuple[Traffic, Replay] | None = None


class Sides(NamedTuple):
    """Environments as they are judged before and after a change, by name."""

    before: dict[str, Judged]
    after: dict[str, Judged]


class ProposedChange:
    """Both sides, judged; what the other side lacks, and what could not be judged.

    `folder` gives the files of a side, `load` reads the configuration after the change, `traffic`
    names a file of seen calls. With `spare`, what
    nothing has changed is not judged where a verdict on it is cached, or `judges` give one where
    many lack; the others are judged when `diffs` are asked for, some at a time: there are no
    comparisons, and what could not be judged is known after that. Raises UsageError as
    `load` does for either side, for an unknown name, and as `seen_traffic` does.
    """

    def __init__(
        self,
        revisions: GitRevisions,
        names: Sequence[str],
        folder: Callable[[Path], Folder],
        settings: Settings,
        traffic: str | None = None,
        *,
        load: Callable[[Path], config.Configuration],
        spare: bool = False,
        judges: Judges | None = None,
    ) -> None:
        self.revisions = revisions
        self._today = settings.today
        new = load(revisions.after).environments
        if revisions.base_folder:
            revisions.base_folder.write_configuration(new)
        # The change that brings meshgate in starts from nothing.
        self.is_first = not (revisions.before / config.ENVIRONMENTS).is_file()
        old = () if self.is_first else _environments(revisions)
        self.wanted = select(new, names)
        self.known = {environment.name: environment for environment in old}
        here = {environment.name for environment in new}
        self.gone = [] if names else [name for name in self.known if name not in here]
        self.seen = seen_traffic(traffic, [environment.name for environment in self.wanted])
        self.after_files = folder(revisions.after)
        self.before_files = folder(revisions.before)
        index = (
            InputIndex(revisions.after, self.after_files.cache, revisions.change)
            if revisions.change is not None
            else None
        )
        self._inputs: Callable[[str], frozenset[str]] = functools.cache(
            index.inputs if index else functools.partial(source.inputs, revisions.after)
        )
        self._settings = settings
        self._unchanged = self._same(self.wanted)
        self._question = VerdictQuestion(
            revisions.after, new, self.wanted, settings, self.after_files.cache
        )
        if index:
            index.keep()
        tree = revisions.change.tree if revisions.change else ""
        self._known_verdicts = (
            UnchangedEnvironments(self._question, self._unchanged, tree, self._inputs, judges)
            if spare and self._unchanged
            else None
        )
        seen_in = self.seen.environment if self.seen is not None else None
        self.spared = {
            name: verdict
            for name, verdict in (
                self._known_verdicts.verdicts.items() if self._known_verdicts else ()
            )
            if name != seen_in
        }
        self._left = [each for each in self.wanted if each.name not in self.spared]
        self._write_base()
        self._sides = Sides({}, {}) if spare else self._judged(self._left)
        # Of each environment that is judged: what its sources show, and why it could not be.
        self._on_sources: dict[str, tuple[Finding, ...]] = {}
        self._failed_before: dict[str, MeshgateError] = {}
        self._failed_after: dict[str, MeshgateError] = {}
        self._note(self._sides)

    @property
    def after(self) -> dict[str, Judged]:
        """The environments as they are after the change; without `spare`."""
        return self._sides.after

    def _judged(self, environments: Sequence[Environment]) -> Sides:
        """Some of the wanted ones on both sides, and with them what they are compared with."""
        after = judge(self._run(environments), self.after_files, self._settings)
        if self._known_verdicts:
            self._known_verdicts.learn(after, self.after_files)
        changed = [each for each in environments if each.name not in self._unchanged]
        before = self._judged_before(
            [self.known[each.name] for each in changed if each.name in self.known]
        )
        # What nothing has changed is what it is after the change: it is judged once.
        same = {
            each.name: after[each.name]
            for each in environments
            if each.name in self._unchanged and each.name in self.known
        }
        return Sides({**before, **same}, after)

    def _run(self, environments: Sequence[Environment]) -> list[Environment]:
        """All that is judged for some environments: what is spared only directly before them."""
        direct = {name for each in environments for name in each.after}
        return [
            each
            for each in with_upstream(environments, self._question.environments)
            if each.name in direct or each.name not in self.spared
        ]

    def _write_base(self) -> None:
        """Write out of git what the base is judged by."""
        base = self.revisions.base_folder
        changed = [each for each in self._left if each.name not in self._unchanged]
        before = [self.known[each.name] for each in changed if each.name in self.known]
        if base:
            likely = {each.sources for each in self.wanted} & {each.sources for each in before}
            names = (name for sources in likely for name in self._inputs(sources))
            base.write_environments(before, names)

    def _judged_before(self, environments: Sequence[Environment]) -> dict[str, Judged]:
        base = self.revisions.base_folder
        judged = judge(environments, self.before_files, self._settings)
        if base and not base.is_whole and self.before_files.asked_for_values:
            # Any object of the repository may give these.
            base.write_all()
            judged = judge(environments, self.before_files, self._settings)
        return judged

    def _note(self, sides: Sides) -> None:
        """Remember what could not be judged, and why."""
        self._on_sources |= {name: each.on_sources for name, each in sides.after.items()}
        self._failed_before |= failures_of(sides.before)
        self._failed_after |= failures_of(sides.after)

    def _same(self, environments: Sequence[Environment]) -> frozenset[str]:
        """The environments of which nothing differs between the revisions, by name."""
        differing = self.revisions.differing
        if differing is None:
            return frozenset()
        # All that its own entry and files say is compared here.
        here = [each for each in environments if self.known.get(each.name) == each]
        return unaffected(self.revisions.after, here, differing, self._inputs)

    def comparisons(self) -> list[Comparison]:
        """Each environment that was judged on both sides; without `spare`."""
        return self._compared(self.wanted, self._sides)

    def _compared(self, environments: Iterable[Environment], sides: Sides) -> list[Comparison]:
        seen_in = self.seen.environment if self.seen is not None else None
        return [
            Comparison(
                sides.before[name],
                sides.after[name],
                [
                    sides.after[other]
                    for other in sides.after[name].environment.after
                    if sides.after[other].context is not None
                ],
                self.seen.traffic if self.seen is not None and name == seen_in else None,
            )
            for name in (environment.name for environment in environments)
            if name in sides.before
            and sides.before[name].context is not None
            and sides.after[name].context is not None
        ]

    def diffs(self) -> list[EnvironmentDiff]:
        """The difference of each wanted environment that could be judged on both sides."""
        found = {name: EnvironmentDiff(verdict) for name, verdict in self.spared.items()}
        starts = range(0, len(self._left), MOST_OF_A_TASK)
        with _room_between(len(starts)) as make_room:
            for start in starts:
                for each in self._diffs_of(self._left[start : start + MOST_OF_A_TASK]):
                    found[each.verdict.environment] = each
                make_room()
        if self._known_verdicts:
            self._known_verdicts.keep()
        return [found[each.name] for each in self.wanted if each.name in found]

    def _diffs_of(self, environments: Sequence[Environment]) -> list[EnvironmentDiff]:
        """The same of some, which are judged now and forgotten."""
        sides = self._judged(environments)
        self._note(sides)
        return [
            EnvironmentDiff(
                verdict_of(each.after, findings=False), each.effect, each.findings, each.replayed
            )
            for each in self._compared(environments, sides)
        ]

    @property
    def on_sources(self) -> list[Finding]:
        """The findings that keep wanted environments from being built after the change."""
        return [found for each in self.wanted for found in self._on_sources.get(each.name, ())]

    @property
    def failures(self) -> dict[str, MeshgateError]:
        """Why environments could not be judged, on either side."""
        before = {
            name: UsageError(
                f"the sources of {name} at {self.revisions.base} cannot be built",
                why=failure.what,
                hint="compare with an earlier revision: --base REF",
            )
            if isinstance(failure, SourcesError)
            else failure
            for name, failure in self._failed_before.items()
        }
        return {**before, **self._failed_after}

    @property
    def notes(self) -> list[str]:
        """Environments of one revision only."""
        new = [each.name for each in self.wanted if each.name not in self.known]
        first = f"{self.revisions.base} has no {config.ENVIRONMENTS}: taken for empty"
        return [
            *([first] if self.is_first else ()),
            *(f"{name} is new: there is nothing to compare it with" for name in new),
            *(f"{name} is gone, with all that it guarded" for name in self.gone),
            *(() if self.seen is None else age(self.seen.traffic, self._today)),
        ]


@contextlib.contextmanager
def _room_between(parts: int) -> Iterator[Callable[[], object]]:
    """What frees the memory of a part where another one follows.

    Meshes refer to themselves, so that they stay until a collection, and those become rare where
    much is held. What is there before is not looked at again.
    """
    if parts <= 1:
        yield lambda: None
        return
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()


def _environments(revisions: GitRevisions) -> tuple[Environment, ...]:
    """Those of the base. Raises UsageError."""
    base = revisions.base_folder
    try:
        return config.load(revisions.before, base.folders() if base else ()).environments
    except UsageError:
        if base is None:
            raise
        # It may name a file that lies among the sources.
        base.write_all()
        return config.load(revisions.before).environments
