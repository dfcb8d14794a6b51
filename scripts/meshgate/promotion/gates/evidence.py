"""evidence: somebody trusted has seen in every cluster before this one that the release does well.

The newest observation of each cluster decides. It must be of the tree that the release has there
(of the release itself where the environment floats), no older than `maxAge`, and not of the future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.promotion.durations import duration, moment
from meshgate.promotion.gates.gate import GateType, across, failed, nothing_wrong, passed, waiting
from meshgate.promotion.standing import SKEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshgate.promotion.candidate import Candidate
    from meshgate.promotion.evidence import Evidence
    from meshgate.promotion.gates.gate import Gate
    from meshgate.promotion.standing import Standing
    from meshgate.promotion.values import GateResult


def judge(gate: Gate, candidate: Candidate) -> GateResult:
    """Judge each environment before this one; all of them, or any, as `after` says."""
    return across(
        gate,
        (_verified(gate, candidate, standing) for standing in candidate.upstream),
        all_of=candidate.policy.after_all,
    )


def _verified(gate: Gate, candidate: Candidate, standing: Standing) -> GateResult:
    """Judge what was seen of the release in one environment."""
    name, kind = standing.environment, gate.settings["evidence"]
    trusted = [
        one for one in standing.evidence if one.type == kind and one.reporter in gate.reporters
    ]
    stays = standing.stays_for(candidate.release)
    about = [one for one in trusted if any(one.about(stay) for stay in stays)]
    clusters = standing.awaited(one.cluster for one in trusted)
    if not clusters:
        by = ", ".join(gate.reporters)
        return waiting(gate, f"{name}: no {kind} evidence from {by} yet")
    results = [
        _of_cluster(
            gate, candidate, f"{name}/{cluster}", [o for o in about if o.cluster == cluster]
        )
        for cluster in clusters
    ]
    return across(gate, results, all_of=True)


def _of_cluster(
    gate: Gate, candidate: Candidate, place: str, seen: Sequence[Evidence]
) -> GateResult:
    kind = gate.settings["evidence"]
    if not seen:
        return waiting(gate, f"{place}: no {kind} evidence of this release yet")
    newest = max(seen, key=lambda one: one.observed_at)
    at = moment(newest.observed_at)
    if newest.observed_at > candidate.now + SKEW:
        return failed(gate, f"{place}: {kind} evidence of {at}, which is ahead", [newest.summary])
    max_age = gate.settings.get("maxAge")
    if max_age and candidate.now - newest.observed_at > duration(max_age):
        return waiting(gate, f"{place}: {kind} evidence of {at} is older than {max_age}")
    if not newest.passed:
        return failed(gate, f"{place}: {kind} failed at {at}", [newest.summary])
    return passed(gate, f"{place}: {kind} passed at {at}", [newest.summary])


EVIDENCE = GateType(
    name="evidence",
    keys=frozenset({"evidence", "reporters", "maxAge", "timeout"}),
    needed=frozenset({"evidence", "reporters"}),
    judge=judge,
    problems=nothing_wrong,
)
