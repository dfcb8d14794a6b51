"""What a run over environments has to say, and the exit code it ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from meshgate.effect import Effect
from meshgate.errors import MeshgateError, SourcesError, gravest
from meshgate.mesh import DataPlane, Mesh, Outcome, ServerMode
from meshgate.model import (
    Baselined,
    Environment,
    Failure,
    Finding,
    Position,
    Report,
    Severity,
    Tally,
)
from meshgate.pipeline.judged import INVENTORY_KINDS, Judged
from meshgate.rules.context import Context
from meshgate.rules.judge import order
from meshgate.wording import agree, plural

# The level of `--fail-on` at which findings never end a run with 1.
NEVER = "never"
ERROR = "error"
UNDECIDED = "undecided"
LEVELS = ("error", "warning", UNDECIDED, NEVER)

NAMED_AT_MOST = 3
CALLS_NOT_JUDGED = "calls are not judged: there is no Service and no workload among the objects"


def failures_of(judged: Mapping[str, Judged]) -> dict[str, MeshgateError]:
    """Why environments could not be judged, by name."""
    return {name: each.failure for name, each in judged.items() if each.failure is not None}


def beyond_findings(
    failures: Mapping[str, MeshgateError], reported: Iterable[str]
) -> dict[str, MeshgateError]:
    """The failures that the findings of the environments `reported` do not tell already."""
    names = set(reported)
    return {
        name: failure
        for name, failure in failures.items()
        if name not in names or not isinstance(failure, SourcesError)
    }


class Excerpts(Protocol):
    """Who has the lines that findings show: a Locator, or what was read elsewhere."""

    def excerpt(self, position: Position) -> str:
        """The line at a position; empty where there is none."""


def report_of(
    findings: Iterable[Finding],
    tallies: Sequence[Tally],
    locate: Excerpts,
    notes: Sequence[str] = (),
    failures: Mapping[str, MeshgateError] | None = None,
) -> Report:
    """A report with its excerpts; `failures` by the environment that could not be judged.

    Findings come in the order of the environments, those of no environment first.
    """
    ordered = tuple(_ordered(findings, [each.environment for each in tallies]))
    shown = {finding.source for finding in ordered if finding.source}
    shown |= {other.source for finding in ordered for other in finding.related if other.source}
    return Report(
        findings=ordered,
        tallies=tuple(tallies),
        excerpts={position: locate.excerpt(position) for position in shown},
        notes=tuple(notes),
        failures=tuple(Failure(name, str(error)) for name, error in (failures or {}).items()),
    )


def tally(judged: Judged) -> Tally:
    """How much of this environment was judged. Raises its failure."""
    context = judged.require_context()
    if not judged.name:
        # Loose manifests are what they are: nobody said which of them are managed here.
        every = context.resources.all
        known = sum(each.kind in (*INVENTORY_KINDS, "Namespace") for each in every)
        return Tally(environment=None, policies=len(every) - known, inventory=known)
    return Tally(
        environment=judged.name,
        policies=len(context.rendered),
        inventory=sum(resource.foreign for resource in context.resources.all),
    )


def notes_on(judged: Iterable[Judged]) -> list[str]:
    """What the reader must know of how these were judged."""
    judged = [each for each in judged if each.context is not None]
    return notes_on_blind(
        [each.name for each in judged if each.require_context().mesh is None],
        {each.name: missing_namespaces(each.require_context()) for each in judged},
    )


def notes_on_blind(blind: Sequence[str], missing_in: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The same of names: those whose calls are not judged, and the namespaces that each lacks."""
    notes = [_of(blind, CALLS_NOT_JUDGED)] if blind else []
    by_missing: dict[tuple[str, ...], list[str]] = {}
    for name, missing in missing_in.items():
        if missing:
            by_missing.setdefault(missing, []).append(name)
    for missing, those in by_missing.items():
        several = len(missing) > 1
        notes.append(
            _of(
                those,
                f"there is no Namespace object of {_first(missing)}: whether "
                f"{'their' if several else 'its'} workloads have sidecars is not known, and what "
                "rests on it is undecided; add "
                f"{'them' if several else 'it'} (kubectl get namespace -o yaml)",
            )
        )
    return notes


def baseline_note(findings: Iterable[Finding]) -> list[str]:
    """How many findings the baseline has, in one sentence; nothing where it has none."""
    known = [finding for finding in findings if isinstance(finding.waiver, Baselined)]
    if not known:
        return []
    environments = list(dict.fromkeys(finding.environment or "" for finding in known))
    text = f"{plural(len(known), 'finding')} of the baseline; `meshgate baseline` lists them"
    return [_of(environments, text)]


def missing_namespaces(context: Context) -> tuple[str, ...]:
    """The namespaces without an object, whose labels decide on the data plane of some workload."""
    if context.mesh is None:
        return ()
    there = {resource.name for resource in context.resources.of("Namespace")}
    asked = {each.namespace for each in context.mesh.workloads if each.plane is DataPlane.UNKNOWN}
    return tuple(sorted(asked - there))


def _of(environments: Sequence[str], text: str) -> str:
    """A note on environments; loose manifests have no name."""
    named = _first([name for name in environments if name])
    return f"{named}: {text}" if named else text


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more


def undecided_note(judged: Iterable[Judged], fail_on: str) -> list[str]:
    """What fails a run with `--fail-on undecided` beside findings; nothing for another level.

    Those are the calls and ports that `calls` and `posture` show as undecided.
    """
    if fail_on != UNDECIDED:
        return []
    known = [each.require_context().mesh for each in judged if each.context is not None]
    meshes = [mesh for mesh in known if mesh is not None]
    return undecided_sentences(
        sum(mesh.counts()[Outcome.UNKNOWN] for mesh in meshes),
        sum(not answer.decided for mesh in meshes for answer in modes_of(mesh)),
    )


def fail_on_floor(environments: Iterable[Environment]) -> str:
    """What `--fail-on` is where nobody says it: as `require.undecided` of some environment asks."""
    return UNDECIDED if any(each.require.refuses_undecided for each in environments) else ERROR


def undecided_changes(effects: Iterable[Effect], fail_on: str) -> list[str]:
    """What fails a comparison with `--fail-on undecided` beside findings; else nothing.

    A change that only may happen is none of a finding, and never a pass.
    """
    count = sum(len(each.undecided) for each in effects) if fail_on == UNDECIDED else 0
    return [f"{plural(count, 'change')} cannot be decided"] if count else []


def undecided_sentences(calls: int, ports: int) -> list[str]:
    """The same of the counts."""
    sentences = [
        f"{plural(number, noun)} {agree(number, 'is', 'are')} undecided: `meshgate {shows}`"
        for number, noun, shows in ((calls, "call", "calls"), (ports, "port", "posture"))
        if number
    ]
    return [f"{text} shows {'it' if text.startswith('1 ') else 'them'}" for text in sentences]


def modes_of(mesh: Mesh) -> Iterable[ServerMode]:
    """The answer of every port of every workload, as `posture` asks."""
    for workload in mesh.workloads:
        ports: list[int | None] = [*mesh.ports(workload)]
        for port in ports or [None]:
            yield mesh.mode_at(workload, port)


def exit_code(findings: Iterable[Finding], failures: Iterable[MeshgateError], fail_on: str) -> int:
    """The code of a run that judged all it could; `fail_on` is one of LEVELS.

    An environment that could not be judged counts whatever `fail_on` says.
    """
    codes = [failure.exit_code for failure in failures]
    return gravest([*codes, int(fails(findings, fail_on))])


def fails(findings: Iterable[Finding], fail_on: str) -> bool:
    """Whether findings reach the level that fails a run."""
    return bool(failing(findings, fail_on))


def failing(findings: Iterable[Finding], fail_on: str) -> list[Finding]:
    """The findings that fail a run, in the order in which a report has them."""
    if fail_on == NEVER:
        return []
    level = Severity.ERROR if fail_on == UNDECIDED else Severity(fail_on)
    counted = [
        finding
        for finding in findings
        if finding.waiver is None
        and (finding.severity.rank <= level.rank or (fail_on == UNDECIDED and not finding.decided))
    ]
    return _ordered(counted, [finding.environment for finding in counted])


def _ordered(findings: Iterable[Finding], environments: Iterable[str | None]) -> list[Finding]:
    """Findings as a report has them: those of no environment, then by environment and place."""
    place: dict[str | None, int] = {}
    for name in environments:
        place.setdefault(name, len(place))

    def by_environment(finding: Finding) -> tuple[object, ...]:
        name = finding.environment
        return (name is not None, place.get(name, len(place)), order(finding))

    return sorted(findings, key=by_environment)
