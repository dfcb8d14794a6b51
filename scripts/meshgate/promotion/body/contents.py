"""What a pull request's page is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from meshgate.effect import Effect
from meshgate.promotion.guards import Refusal
from meshgate.promotion.values import (
    EnvironmentState,
    Event,
    GateResult,
    GateVerdict,
    PromotionRecord,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A port that is weaker here than in the environment before.

    declared: by whom, why and until when; empty: by nobody.
    """

    text: str
    declared: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """One promotion as it is proposed: what will be committed, and what reviewers ask of it.

    effect    what it does to ports and calls; None: nothing was here before, or it changes nothing
    diffs     unified diff of each changed file of rendered/<environment>, by its path in there
    waits     guards that wait for somebody's word; gates tell of themselves
    also_in   the environments above that hold the release a rollback rejects
    notes     sentences that a reviewer must read first
    """

    record: PromotionRecord
    state: EnvironmentState
    before: EnvironmentState | None = None
    base: str = "main"
    effect: Effect | None = None
    diffs: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    waits: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
    also_in: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        return self.record.environment

    @property
    def waiting(self) -> tuple[GateResult, ...]:
        """The gates that do not let it pass yet."""
        blocking = {GateVerdict.WAITING, GateVerdict.FAIL}
        return tuple(gate for gate in self.record.gates if gate.verdict in blocking)

    @property
    def weakens(self) -> bool:
        """Whether any port accepts more than before."""
        return bool(self.effect and self.effect.loosened)

    @property
    def is_stop(self) -> bool:
        """Whether it only moves the line, and changes nothing in a cluster."""
        return self.record.event in {Event.HOLD, Event.RESUME, Event.REJECT}


def digest_of(text: str) -> str:
    """Names a page: 64 hex digits, the same for the same text whatever its line ends."""
    lines = (line.rstrip() for line in text.splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
