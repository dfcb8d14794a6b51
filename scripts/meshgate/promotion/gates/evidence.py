"""evidence: somebody trusted has seen in every cluster before this one that the release does well.

The newest observation of each cluster decides. It must be of the tree that the release has there
(of the release itself where the environment floats), no older than `maxAge`, and not of the future.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.gates.gate import GateType, across, failed, nothing_wrong, passed, waiting
from meshgate.promotion.records import GateResult
from meshgate.promotion.status import SKEW, EnvironmentStatus
from meshgate.promotion.times import duration, format_moment, format_utc


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge each environment before this one; all of them, or any, as `after` says."""
    return across(
        gate,
        (_verified(gate, candidate, upstream) for upstream in candidate.upstream),
        all_of=candidate.policy.after_all,
    )


def _verified(gate: GateEntry, candidate: Candidate, upstream: EnvironmentStatus) -> GateResult:
    """Judge what was seen of the release in one environment."""
    name, kind = upstream.environment, gate.evidence
    trusted = [
        observation
        for observation in upstream.evidence
        if observation.type == kind and observation.reporter in gate.reporters
    ]
    deployments = upstream.deployments_for(candidate.release)
    relevant = [
        observation
        for observation in trusted
        if any(
            observation.is_about(deployment.release, deployment.tree) for deployment in deployments
        )
    ]
    clusters = upstream.awaited(observation.cluster for observation in trusted)
    if not clusters:
        by = ", ".join(gate.reporters)
        return waiting(gate, f"{name}: no {kind} evidence from {by} yet")
    results = [
        _of_cluster(
            gate,
            candidate,
            f"{name}/{cluster}",
            [observation for observation in relevant if observation.cluster == cluster],
        )
        for cluster in clusters
    ]
    return across(gate, results, all_of=True)


def _of_cluster(
    gate: GateEntry, candidate: Candidate, place: str, seen: Sequence[Evidence]
) -> GateResult:
    kind = gate.evidence
    if not seen:
        return waiting(gate, f"{place}: no {kind} evidence of this release yet")
    newest = max(seen, key=lambda observation: observation.observed_at)
    at = format_moment(newest.observed_at)
    if newest.observed_at > candidate.now + SKEW:
        return failed(gate, f"{place}: {kind} evidence of {at}, which is ahead", [newest.summary])
    if newest.brought_at is not None and newest.observed_at > newest.brought_at + SKEW:
        came = format_utc(newest.brought_at)
        reason = f"{place}: {kind} evidence of {at}, which came {came}: its clock was ahead"
        return failed(gate, reason, [newest.summary])
    max_age = gate.max_age
    if max_age and candidate.now - newest.observed_at > duration(max_age):
        return waiting(gate, f"{place}: {kind} evidence of {at} is older than {max_age}")
    if not newest.passed:
        return failed(gate, f"{place}: {kind} failed at {at}", [newest.summary])
    return passed(gate, f"{place}: {kind} passed at {at}", [newest.summary])


GATE_TYPE = GateType(
    name="evidence",
    status="evidence",
    keys=frozenset({"evidence", "reporters", "maxAge", "timeout"}),
    needed=frozenset({"evidence", "reporters"}),
    judge=judge,
    problems=nothing_wrong,
)
