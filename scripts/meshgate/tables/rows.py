"""The rows of a judged environment, as plain values in the order of the fields."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from meshgate.config.reading import parse
from meshgate.config.typed import typed
from meshgate.effect.describe import owner
from meshgate.mesh import CallClass, Delivery, Mode, Outcome
from meshgate.model import Environment, Finding, Resource
from meshgate.pipeline.judged import Judged
from meshgate.pipeline.reports import tally
from meshgate.promotion.files import ledger_folder
from meshgate.promotion.records import PromotionRecord
from meshgate.report import access, admitted, packets
from meshgate.report.html.calls import clients_of, label
from meshgate.report.posture import ServedPort, servers
from meshgate.report.view import View
from meshgate.yamldoc.files import read_inside

Value: TypeAlias = str | int | bool | datetime.date | datetime.datetime | None
Row: TypeAlias = tuple[Value, ...]
Rows: TypeAlias = Mapping[str, list[Row]]


class Run(Struct, frozen=True):
    """Which run rows are of."""

    name: str
    day: datetime.date
    began: datetime.datetime

    @property
    def columns(self) -> tuple[Value, ...]:
        """What each of its rows begins with, ahead of the environment."""
        return self.name, self.day, self.began


def rows_of(judged: Judged, run: Run) -> Rows:
    """The rows of one environment, by table. Raises RuleError."""
    own = (*run.columns, judged.name)
    found = {"environments": [(*own, *_environment(judged))]}
    found["findings"] = findings_rows(judged.findings, run)
    found["exceptions"] = [(*own, *each) for each in _exceptions(judged)]
    if judged.context is None:
        return found
    view = View(judged.name, judged.mesh, judged.locate)
    found["servers"] = [(*own, *_server(view, each)) for each in servers(view)]
    found["calls"] = [(*own, *each) for each in _calls(view)]
    found["policies"] = [(*own, *_policy(judged, each)) for each in judged.context.rendered]
    return found


def findings_rows(findings: Iterable[Finding], run: Run) -> list[Row]:
    """The rows of findings."""
    return [
        (
            *run.columns,
            each.environment,
            each.rule,
            each.name,
            str(each.severity),
            each.decided,
            str(each.resource) if each.resource else None,
            each.path or None,
            each.message,
            each.fix,
            each.source.file if each.source else None,
            each.source.line if each.source else None,
            each.source.column if each.source else None,
            each.fingerprint,
            each.waiver.owner if each.waiver else None,
        )
        for each in findings
    ]


def ledger_rows(root: Path, environment: Environment, run: Run) -> list[Row]:
    """The events of an environment. Raises UsageError for a record that cannot be read."""
    folder = ledger_folder(environment.name)
    rows: list[Row] = []
    for name in sorted(each.name for each in (root / folder).glob("*.yaml")):
        file = f"{folder}/{name}"
        record = typed(parse(read_inside(root, file), file), "record", PromotionRecord)
        rows.append(
            (
                *run.columns,
                environment.name,
                record.sequence,
                str(record.event),
                record.release,
                record.alias,
                record.created_at,
                record.source.commit,
            )
        )
    return rows


def _environment(judged: Judged) -> Row:
    each = judged.environment
    built = judged.context is not None
    counted = tally(judged) if built else None
    clusters = each.clusters
    labels = sorted(clusters.selector.items()) if clusters else ()
    return (
        built,
        str(judged.failure) if judged.failure else None,
        counted.policies if counted else None,
        counted.inventory if counted else None,
        each.mode,
        each.ring,
        ",".join(each.after) or None,
        ",".join(f"{key}={value}" for key, value in labels) or None,
        each.mesh.istio,
        str(each.require.mtls),
        judged.context is not None and judged.context.mesh is not None,
    )


def _server(view: View, served: ServedPort) -> Row:
    workload, answer = served.workload, served.answer
    level, policy = answer.decided_by
    modes = [answer.mode, *(other.mode for other in answer.alternatives)]
    return (
        workload.namespace,
        workload.name,
        workload.kind,
        str(workload.plane),
        served.port,
        str(answer.mode) if answer.mode is not None else None,
        not answer.captured or any(mode is not Mode.STRICT for mode in modes) or not answer.decided,
        answer.captured,
        answer.decided,
        answer.reason or None,
        owner(policy) if policy is not None else None,
        str(level) if answer.mode is not None else None,
        admitted.describe(view, served.access, answer.mode),
    )


def _calls(view: View) -> Iterator[Row]:
    """Classes that differ in nothing that a row has are one row."""
    counts: Counter[Row] = Counter()
    for each in view.mesh.call_classes():
        outside = view.mesh.is_outside(each.service)
        for clients, count, _ in clients_of(each):
            who = (label(clients), clients.namespace, str(clients.plane), count)
            for delivery in each.deliveries:
                counts[*who, *_call(each, delivery, outside=outside)] += count
    for row, count in counts.items():
        yield (*row, count)


def _call(each: CallClass, delivery: Delivery, *, outside: bool) -> Row:
    rules = each.policy.rules if each.policy is not None else ()
    answers = dict.fromkeys(str(answer.outcome) for answer in delivery.alternatives or (delivery,))
    if delivery.blocking is not None:
        why = packets.describe(delivery.blocking)
    else:
        why = access.describe(delivery.admission) if delivery.admission is not None else ""
    return (
        each.service.host,
        each.service.namespace,
        outside,
        each.port.number,
        each.subset,
        str(delivery.transport) if delivery.transport else None,
        str(delivery.mode) if delivery.mode else None,
        " or ".join(answers),
        str(delivery.verdict) if delivery.outcome is not Outcome.UNKNOWN else "unknown",
        " + ".join(map(owner, rules)) or None,
        delivery.reason or why or None,
    )


def _policy(judged: Judged, resource: Resource) -> Row:
    place = judged.locate(resource, "")
    content = json.dumps(resource.value, sort_keys=True, default=str)
    return (
        resource.api_version,
        resource.kind,
        resource.namespace,
        resource.name,
        place.file if place else None,
        place.line if place else None,
        hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    )


def _exceptions(judged: Judged) -> Iterator[Row]:
    each = judged.environment
    covered = Counter(finding.waiver for finding in judged.findings if finding.waiver)
    for waiver in each.waivers:
        yield (
            "waiver", waiver.rule, waiver.place, waiver.owner, waiver.reason, waiver.expires,
            covered[waiver],
        )  # fmt: skip
    for other in each.differences:
        place = f"{other.workload}:{other.port}" if other.port else other.workload
        yield "difference", None, place, other.owner, other.reason, other.expires, None
    for accepted in each.acknowledgements:
        place = f"{accepted.release} {accepted.breaks}"
        yield (
            "acknowledgement", None, place, accepted.owner, accepted.reason, accepted.until, None
        )  # fmt: skip
