"""The effect of a change as JSON: a contract (`schemas/meshgate/effect.schema.json`)."""

from __future__ import annotations

from meshgate.effect.codec import EffectJSON
from meshgate.report import Options, observed
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.escape.json_text import Members, Rows, document
from meshgate.report.json import VERSION, as_json


def render(diff: Diff, _options: Options) -> str:
    """`{"version", "base", "head", "environments", "findings", "notes", "failures"}`."""
    report = diff.report
    return document(
        version=VERSION,
        base=diff.base,
        head=diff.head,
        drift=diff.is_drift,
        environments=Rows(map(environment, diff.environments)),
        findings=Rows(map(as_json, report.findings)),
        notes=Rows(report.notes),
        failures=Rows(failure._asdict() for failure in report.failures),
    )


def environment(compared: Compared) -> Members:
    """One environment of the contract."""
    whole = EffectJSON(compared.effect, compared.before, compared.after).whole()
    members = Members(name=compared.environment)
    for name, value in whole.items():
        members[name] = Rows(value) if isinstance(value, list) else value
    members["transition"] = Members(whole["transition"])
    members["transition"]["unsafe"] = Rows(whole["transition"]["unsafe"])
    members["clients"] = Members(whole["clients"])
    members["traffic"] = observed.as_json(*compared.seen) if compared.seen else None
    return members
