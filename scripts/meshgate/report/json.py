"""The report as JSON: a contract (`schemas/meshgate/findings.schema.json`), one finding a line."""

from __future__ import annotations

from meshgate.effect.codec import place, reference
from meshgate.model import Baselined, Finding, JSONObject, Report, Waiver
from meshgate.report import Options
from meshgate.report.escape.json_text import Members, Rows, document
from meshgate.report.summary import Count, counts, total

VERSION = 1


def render(report: Report, options: Options) -> str:
    """`{"version", "tool", "summary", "findings"}`, in the order of the report."""
    return document(
        version=VERSION,
        tool={"name": "meshgate", "version": options.version},
        summary=summary(report),
        findings=Rows(map(as_json, report.findings)),
    )


def summary(report: Report) -> Members:
    """Counts of open findings, in all and for each environment, and what else is to be known."""
    by_environment = counts(report)
    return Members(
        **numbers(total(by_environment)),
        environments=Rows(map(environment, by_environment)),
        notes=Rows(report.notes),
        failures=Rows(
            {"environment": failure.environment, "message": failure.message}
            for failure in report.failures
        ),
    )


def environment(count: Count) -> JSONObject:
    """One environment in numbers."""
    return {
        "environment": count.environment,
        "judged": count.judged,
        "policies": count.policies,
        "inventory": count.inventory,
        **numbers(count),
    }


def numbers(count: Count) -> dict[str, int]:
    return {
        "errors": count.error,
        "warnings": count.warning,
        "info": count.info,
        "waived": count.waived,
        "baseline": count.baseline,
        "undecided": count.undecided,
    }


def as_json(finding: Finding) -> JSONObject:
    """A finding of the contract."""
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "decided": finding.decided,
        "environment": finding.environment,
        "resource": reference(finding.resource),
        "path": finding.path,
        "message": finding.message,
        "fix": finding.fix,
        "source": place(finding.source),
        "related": [
            {
                "resource": reference(other.resource),
                "message": other.message,
                "source": place(other.source),
            }
            for other in finding.related
        ],
        "fingerprint": finding.fingerprint,
        "waiver": accepted(finding.waiver),
    }


def accepted(waiver: Waiver | None) -> JSONObject | None:
    if waiver is None:
        return None
    if isinstance(waiver, Baselined):
        return {"owner": waiver.owner, "reason": waiver.reason, "expires": None}
    return {
        "owner": waiver.owner,
        "reason": waiver.reason,
        "expires": waiver.expires.isoformat(),
    }
