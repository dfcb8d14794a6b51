"""What the reports of steps are made of, and the words in which they tell them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.effect import Effect, describe
from meshgate.effect.describe import clients
from meshgate.effect.steps import Edit, NoPlan, Plan, Purpose, SafeStep
from meshgate.mesh import Mode
from meshgate.model import JSON, Failure, join_path
from meshgate.wording import plural

WHY = {
    Purpose.HOLD: "hold the clients to plaintext, so that none sends mTLS to a server that is late",
    Purpose.SOFTEN: "let the servers take plaintext and mTLS, so that either client is served",
    Purpose.CLIENTS: "let the clients send what the new servers take",
    Purpose.SERVERS: "let the servers take what they shall take in the end",
    Purpose.RELEASE: "release the clients: they send what the servers ask for from now on",
}
SYNCED = "every proxy has it: `istioctl proxy-status` shows no STALE"
QUIET = (
    "no client sends plaintext any more: `meshgate traffic capture` writes down what was seen, "
    "and `meshgate diff --traffic FILE` tries the next step on it"
)


class StepFiles(NamedTuple):
    """The files of one step: those to take over, and those that go."""

    files: tuple[str, ...]
    removed: tuple[str, ...]


class EnvironmentSteps(NamedTuple):
    """One environment; `written` has an entry for each step that was written."""

    environment: str
    outcome: Plan | NoPlan
    written: Sequence[StepFiles] = ()

    @property
    def steps(self) -> tuple[SafeStep, ...]:
        """The steps; none where there is no plan."""
        return () if isinstance(self.outcome, NoPlan) else self.outcome.steps


class Steps(NamedTuple):
    """Everything `meshgate steps` has to say; `folder`: where it was written."""

    base: str
    head: str
    environments: Sequence[EnvironmentSteps]
    notes: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    folder: str = ""


class ValueChange(NamedTuple):
    """One value that an edit changes, None where there is none."""

    path: str
    before: JSON
    after: JSON


def verdict(planned: EnvironmentSteps) -> str:
    """One sentence."""
    outcome = planned.outcome
    if isinstance(outcome, NoPlan):
        return f"no safe steps: {outcome.reason}"
    if outcome.total.is_safe:
        if not outcome.steps:
            return "nothing changes"
        if describe.gravity(outcome.total):
            end = f"{describe.verdict(outcome.total)}{_shut_out(outcome.total)}"
            return f"nothing fails on the way, one step is enough; in the end {end}"
        return "safe as it is, in one step"
    return f"safe in {plural(len(outcome.steps), 'step')}, each of them a change of its planned"


def _shut_out(effect: Effect) -> str:
    """Who is refused afterwards though nothing breaks, by name where they are few."""
    groups = effect.shut_out
    if not groups:
        return ""
    widest = max(groups, key=lambda each: each.count)
    return f"; {clients(widest.clients, widest.clients.plane)} among those that are shut out"


def why(step: SafeStep) -> str:
    """What a step is for."""
    return "; ".join(WHY[each] for each in step.purposes)


def waits(planned: EnvironmentSteps, number: int) -> list[str]:
    """What to wait for after a step, counted from 0, before the next one is taken."""
    if number + 1 >= len(planned.steps):
        return []
    tightens = any(
        each.after.mode is Mode.STRICT for each in planned.steps[number + 1].effect.ports
    )
    return [SYNCED, QUIET] if tightens else [SYNCED]


def warnings(step: SafeStep) -> Iterator[str]:
    """What a step costs meanwhile."""
    if step.exposed:
        yield (
            f"{plural(step.exposed, 'call')} in plaintext, though not before and not in the end: "
            "no way without that was found"
        )
    broken = count(step.effect)
    if broken:
        yield f"{plural(broken, 'call')} cannot be kept from here on, nor in the end (TR004)"


def lasting(planned: EnvironmentSteps) -> str:
    """What the end state breaks, whatever the way there; empty: nothing."""
    broken = count(planned.outcome.total)
    if not broken or isinstance(planned.outcome, NoPlan):
        return ""
    return (
        f"In the end {plural(broken, 'call')} cannot be kept that can be made now (TR004), "
        "whatever the steps. They are for all the others"
    )


def count(effect: Effect) -> int:
    """How many calls that count are broken."""
    return sum(each.count for each in effect.breaks)


def changes(edit: Edit) -> list[ValueChange]:
    """The values that differ, by path; of an object that is new or gone its whole spec."""
    old = edit.before.value if edit.before is not None else {}
    new = edit.after.value if edit.after is not None else {}
    if edit.before is None or edit.after is None:
        return list(_differing(old.get("spec"), new.get("spec"), ("spec",)))
    return list(_differing(old, new, ()))


def _differing(old: JSON, new: JSON, at: tuple[str | int, ...]) -> Iterator[ValueChange]:
    if isinstance(old or {}, dict) and isinstance(new or {}, dict) and (old or new):
        for key in dict.fromkeys((*(old or {}), *(new or {}))):
            yield from _differing((old or {}).get(key), (new or {}).get(key), (*at, str(key)))
    elif old != new:
        yield ValueChange(join_path(*at), old, new)
