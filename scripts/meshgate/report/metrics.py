"""How environments stand, as Prometheus reads it: its text format, for a textfile collector."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from meshgate.model import Environment, Finding, Report
from meshgate.report.escape.visible import visible
from meshgate.report.html.posture import state
from meshgate.report.posture import servers
from meshgate.report.view import View

PREFIX = "meshgate"
STATES = ("strict", "permissive", "disable", "uncaptured", "undecided")
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Lag(NamedTuple):
    """How far an environment is behind: releases that it lacks, and since when it has its own."""

    environment: str
    behind: int
    since: datetime.datetime | None


class Sample(NamedTuple):
    """One value of a metric, with its labels."""

    labels: Mapping[str, str]
    value: float


class Metrics(NamedTuple):
    """What metrics are made of; `at`: when the run was."""

    report: Report
    views: Sequence[View]
    environments: Sequence[Environment]
    lags: Sequence[Lag]
    at: datetime.datetime
    version: str


def render(metrics: Metrics) -> str:
    """All metrics, each with its help and type; each line ends."""
    return "".join(
        line
        for name, about, samples in families(metrics)
        for line in (
            f"# HELP {PREFIX}_{name} {about}\n",
            f"# TYPE {PREFIX}_{name} gauge\n",
            *(f"{PREFIX}_{name}{_labels(each.labels)} {each.value:.15g}\n" for each in samples),
        )
    )


def families(metrics: Metrics) -> Iterator[tuple[str, str, list[Sample]]]:
    """Every metric: its name, what it says, its samples. `docs/metrics.md` lists the same."""
    report = metrics.report
    yield "build_info", "1, with the version.", [Sample({"version": metrics.version}, 1)]
    yield "run_timestamp_seconds", "When the run was.", [Sample({}, metrics.at.timestamp())]
    failed = {each.environment for each in report.failures}
    named = [each.name for each in metrics.environments]
    yield (
        "environment_judged",
        "1 where the environment could be judged, else 0: its other metrics are missing then.",
        [
            Sample({"environment": each}, each not in failed)
            for each in dict.fromkeys((*named, *sorted(failed)))
        ],
    )
    yield "findings", "Findings that no waiver covers, by rule.", _findings(report.open)
    yield (
        "findings_waived",
        "Findings that a waiver covers, by rule.",
        _findings(each for each in report.findings if each.waiver is not None),
    )
    yield "ports", "Server ports by what they accept.", list(_ports(metrics.views))
    yield (
        "workloads_without_sidecar",
        "Workloads that no PeerAuthentication reaches.",
        [Sample({"environment": _name(view)}, _outside(view)) for view in metrics.views],
    )
    yield (
        "waiver_expires_timestamp_seconds",
        "The end of a waiver's last day, in UTC.",
        [
            Sample(
                {
                    "environment": environment.name,
                    "rule": each.rule,
                    "about": each.resource or each.path or "",
                    "owner": each.owner,
                },
                _end(each.expires),
            )
            for environment in metrics.environments
            for each in environment.waivers
        ],
    )
    yield (
        "promotion_releases_behind",
        "Releases of the main branch that a pinned environment does not have.",
        [Sample({"environment": each.environment}, each.behind) for each in metrics.lags],
    )
    yield (
        "promotion_since_timestamp_seconds",
        "When a pinned environment got the release that it has.",
        [
            Sample({"environment": each.environment}, each.since.timestamp())
            for each in metrics.lags
            if each.since is not None
        ],
    )


def _findings(findings: Iterable[Finding]) -> list[Sample]:
    counted = Counter(
        (each.environment or "", each.rule, str(each.severity.value)) for each in findings
    )
    return [
        Sample({"environment": environment, "rule": rule, "severity": severity}, number)
        for (environment, rule, severity), number in sorted(counted.items())
    ]


def _ports(views: Iterable[View]) -> Iterator[Sample]:
    for view in views:
        counted = Counter(state(each) for each in servers(view) if each.port is not None)
        for name in STATES:
            yield Sample({"environment": _name(view), "accepts": name}, counted[name])


def _outside(view: View) -> int:
    return len({id(each.workload) for each in servers(view) if state(each) == "outside"})


def _name(view: View) -> str:
    return view.environment or "manifests"


def _end(day: datetime.date) -> float:
    after = day + datetime.timedelta(days=1)
    return datetime.datetime.combine(after, datetime.time(), tzinfo=datetime.UTC).timestamp()


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(
        f'{name}="{visible(value).translate(ESCAPES)}"' for name, value in labels.items()
    )
    return f"{{{pairs}}}" if pairs else ""
