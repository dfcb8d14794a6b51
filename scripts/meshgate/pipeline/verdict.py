"""What is to be said of one environment, as plain values: it can be kept, sent and merged."""

from __future__ import annotations

import msgspec
from msgspec import Struct, structs

from meshgate import errors
from meshgate.errors import MeshgateError
from meshgate.mesh import Mesh, Outcome
from meshgate.model import Baselined, Finding, JSONObject, Tally, Waiver
from meshgate.pipeline.judged import Judged
from meshgate.pipeline.reports import missing_namespaces, modes_of, tally


class EnvironmentRefusal(Struct, frozen=True):
    """An error of this package, as plain values: `kind` is the name of its class."""

    kind: str
    what: str
    why: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: MeshgateError) -> EnvironmentRefusal:
        return cls(type(error).__name__, error.what, error.why, error.hint)

    def error(self) -> MeshgateError:
        """The error; of an unknown class it is an internal one."""
        found = getattr(errors, self.kind, None)
        known = isinstance(found, type) and issubclass(found, MeshgateError)
        kind = found if known and isinstance(found, type) else MeshgateError
        made = kind(self.what, why=self.why, hint=self.hint)
        assert isinstance(made, MeshgateError)
        return made


class EnvironmentVerdict(Struct, frozen=True):
    """What a run says of one environment.

    refused       why it could not be judged; None: it was
    has_mesh      whether there was anything to judge calls by
    missing       namespaces without an object, whose labels decide
    undecided     how many calls and how many ports are undecided; None: nobody asked
    seconds       that it took, rendering included; it decides nothing
    is_final      whether what it rests on is all in its key, so that it may be kept
    """

    environment: str
    findings: tuple[Finding, ...] = ()
    policies: int = 0
    inventory: int = 0
    refused: EnvironmentRefusal | None = None
    has_mesh: bool = True
    missing: tuple[str, ...] = ()
    undecided: tuple[int, int] | None = None
    seconds: float = 0.0
    is_final: bool = True

    @property
    def tally(self) -> Tally:
        """How much of the environment was judged."""
        return Tally(self.environment, self.policies, self.inventory)


def verdict_of(
    judged: Judged, *, findings: bool = True, undecided: bool = False, seconds: float = 0.0
) -> EnvironmentVerdict:
    """The verdict on a judged environment; without `findings` whether it could be judged alone.

    Raises RuleError.
    """
    found = judged.findings if findings else ()
    if judged.context is None:
        assert judged.failure is not None
        return EnvironmentVerdict(
            judged.name,
            found,
            refused=EnvironmentRefusal.of(judged.failure),
            seconds=seconds,
            is_final=False,
        )
    counted = tally(judged)
    mesh = judged.context.mesh
    return EnvironmentVerdict(
        judged.name,
        found,
        counted.policies,
        counted.inventory,
        has_mesh=mesh is not None,
        missing=missing_namespaces(judged.context),
        undecided=_undecided(mesh) if undecided else None,
        seconds=seconds,
    )


def _undecided(mesh: Mesh | None) -> tuple[int, int]:
    if mesh is None:
        return 0, 0
    return mesh.counts()[Outcome.UNKNOWN], sum(not each.decided for each in modes_of(mesh))


class _Accepted(Struct, frozen=True):
    """Who accepts a finding: a waiver, or the baseline, whose entries have the same fields."""

    waiver: Waiver
    of_baseline: bool


class _CachedVerdict(Struct, frozen=True):
    """A verdict, with the acceptance of each finding beside it."""

    verdict: EnvironmentVerdict
    accepted: tuple[_Accepted | None, ...]


def to_json(verdict: EnvironmentVerdict) -> JSONObject:
    """A verdict as JSON; `from_json` reads it."""
    bare = tuple(structs.replace(each, waiver=None) for each in verdict.findings)
    cached = _CachedVerdict(
        structs.replace(verdict, findings=bare),
        tuple(_accepted(each.waiver) for each in verdict.findings),
    )
    value: JSONObject = msgspec.to_builtins(cached)
    return value


def from_json(value: object) -> EnvironmentVerdict:
    """The verdict. Raises msgspec.ValidationError for what is none."""
    cached = msgspec.convert(value, _CachedVerdict, strict=True)
    if len(cached.accepted) != len(cached.verdict.findings):
        raise msgspec.ValidationError("not as many acceptances as findings")
    findings = tuple(
        structs.replace(finding, waiver=_waiver(accepted))
        for finding, accepted in zip(cached.verdict.findings, cached.accepted, strict=True)
    )
    return structs.replace(cached.verdict, findings=findings)


def _accepted(waiver: Waiver | None) -> _Accepted | None:
    if waiver is None:
        return None
    return _Accepted(Waiver(**structs.asdict(waiver)), isinstance(waiver, Baselined))


def _waiver(accepted: _Accepted | None) -> Waiver | None:
    if accepted is None:
        return None
    waiver = accepted.waiver
    return Baselined(**structs.asdict(waiver)) if accepted.of_baseline else waiver
