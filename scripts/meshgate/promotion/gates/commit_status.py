"""commit-status: a status of the forge, on a commit that has what the release renders to.

Flux and Argo CD post on the commit they synced, and skip commits that change nothing for them: the
status counts on any later first-parent commit whose rendered/<environment> is the same tree.
`{env}` and `{cluster}` in `context` stand for their names; with `{cluster}`, one is needed for each
cluster of the environment. Only the accounts in `reporters` are believed.
"""

from __future__ import annotations

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.forges import CommitStatus, StatusState
from meshgate.promotion.gates.gate import (
    GateType,
    across,
    failed,
    not_applicable,
    nothing_wrong,
    passed,
    waiting,
)
from meshgate.promotion.records import GateEvidence, GateResult
from meshgate.promotion.status import SKEW, EnvironmentStatus
from meshgate.promotion.times import duration

CLUSTER, ENVIRONMENT = "{cluster}", "{env}"


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge each environment before this one; all of them, or any, as `after` says."""
    if candidate.reviews is None and candidate.without_forge:
        return not_applicable(gate, candidate.without_forge)
    return across(
        gate,
        (_of_environment(gate, candidate, upstream) for upstream in candidate.upstream),
        all_of=candidate.policy.after_all,
    )


def _of_environment(
    gate: GateEntry, candidate: Candidate, upstream: EnvironmentStatus
) -> GateResult:
    name, context = (
        upstream.environment,
        gate.context.replace(ENVIRONMENT, upstream.environment),
    )
    if upstream.statuses is None:
        return failed(gate, f"{name}: the forge was not asked for its statuses")
    if upstream.current not in upstream.deployments_for(candidate.release):
        # The statuses are those of what is there now.
        return waiting(gate, f"{name} does not hold {candidate.release} now")
    if CLUSTER not in context:
        return _of_context(gate, candidate, upstream, context)
    if not upstream.clusters or any("*" in cluster for cluster in upstream.clusters):
        return failed(gate, f"{name} needs `clusters.names` without `*` for {context!r}")
    results = [
        _of_context(gate, candidate, upstream, context.replace(CLUSTER, cluster))
        for cluster in upstream.clusters
    ]
    return across(gate, results, all_of=True)


def _of_context(
    gate: GateEntry, candidate: Candidate, upstream: EnvironmentStatus, context: str
) -> GateResult:
    place = f"{upstream.environment}: {context}"
    status = next(
        (
            status
            for status in upstream.statuses or ()
            if status.context == context and status.reporter in gate.reporters
        ),
        None,
    )
    if status is None:
        return waiting(gate, f"{place}: no status from {', '.join(gate.reporters)} yet")
    evidence = [_summary(status, upstream)]
    if status.state is StatusState.FAILURE:
        return failed(gate, f"{place}: {status.description or 'failed'}", evidence)
    if status.state is StatusState.PENDING:
        return waiting(gate, f"{place}: {status.description or 'pending'}", evidence)
    max_age = gate.max_age
    if max_age and (status.at is None or candidate.now - status.at > duration(max_age)):
        return waiting(gate, f"{place}: older than {max_age}", evidence)
    if status.at is not None and status.at > candidate.now + SKEW:
        return failed(gate, f"{place}: its time is ahead", evidence)
    return passed(gate, f"{place}: success", evidence)


def _summary(status: CommitStatus, upstream: EnvironmentStatus) -> GateEvidence:
    current = upstream.current
    return {
        "type": "commit-status",
        "subjectTree": current.tree if current and current.tree else None,
        "context": status.context,
        "reporter": status.reporter,
        "url": status.url,
        "observedAt": status.at.isoformat() if status.at else None,
    }


GATE_TYPE = GateType(
    name="commit-status",
    status="evidence",
    keys=frozenset({"context", "reporters", "maxAge", "timeout"}),
    needed=frozenset({"context", "reporters"}),
    judge=judge,
    problems=nothing_wrong,
    asks_statuses=True,
)
