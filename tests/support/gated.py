"""A promotion before gates, on values, with every clock given."""

from __future__ import annotations

import datetime as dt

from judged import NOW
from meshgate.model import GateEntry
from meshgate.promotion import evidence as ev
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.records import GateVerdict
from meshgate.promotion.status import Deployment, EnvironmentStatus
from promotion_samples import replace

MINUTE = dt.timedelta(minutes=1)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
R, OTHER = "r-111111111111", "r-222222222222"
TREE, OTHER_TREE = "a" * 40, "b" * 40


def stay(since: dt.timedelta, until: dt.timedelta | None = None, release: str = R) -> Deployment:
    """A stay that began, and ended, so long ago."""
    tree = TREE if release == R else OTHER_TREE
    return Deployment(release, tree, NOW - since, None if until is None else NOW - until)


def standing(*deployments: Deployment, **more: object) -> EnvironmentStatus:
    settings: dict[str, object] = {"floating": False, "state": None, "statuses": None} | more
    return EnvironmentStatus("staging", deployments=deployments, **settings)  # type: ignore[arg-type] # fields


def seen(
    ago: dt.timedelta = HOUR,
    cluster: str = "eu",
    result: str = "pass",
    *,
    tree: str = TREE,
    kind: str = "traffic",
    reporter: str = "probe",
) -> Evidence:
    return Evidence(
        version=ev.VERSION,
        type=kind,
        environment="staging",
        cluster=cluster,
        observed_at=NOW - ago,
        result=result,
        tree=tree,
        reporter=reporter,
    )


def asked(
    candidate: Candidate,
    *gates: GateEntry,
    upstream: tuple[EnvironmentStatus, ...],
    **policy: object,
) -> Candidate:
    """The candidate, with other gates, before other environments."""
    changed = replace(candidate.policy, gates=gates, **policy)
    record = replace(candidate.record, release=R)
    return replace(candidate, policy=changed, upstream=upstream, record=record)


def verdict(candidate: Candidate) -> tuple[GateVerdict, str]:
    (result,) = evaluate_gates(candidate)
    return result.verdict, result.reason


TRAFFIC = GateEntry(name="traffic", type="evidence", evidence="traffic", reporters=("probe",))

SOAK = GateEntry(name="soaked", type="soak", duration="2d")

PASS, FAIL, WAITING = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.WAITING
