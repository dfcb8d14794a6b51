"""The baseline of a repository: which findings it takes in, and which of its entries are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct

from meshgate.model import BaselineEntry, Finding, JSONObject
from meshgate.rules import RULES
from meshgate.source import dump_value

HEAD = """\
# Findings that were there when meshgate came. They are counted, and do not fail a run; new ones do.
# `meshgate baseline --update` takes out what is gone. Nothing is ever added by hand.
"""
# What speaks of waivers and of the baseline itself.
OF_WAIVERS = "WA"


class BaselineDraft(Struct, frozen=True):
    """What a baseline is made of, and the findings that no baseline takes."""

    entries: tuple[BaselineEntry, ...]
    refused: tuple[Finding, ...]


def taken(findings: Iterable[Finding]) -> BaselineDraft:
    """The entries of open findings; what can never be waived stays open."""
    waivable = {rule.id for rule in RULES if rule.waivable and not rule.id.startswith(OF_WAIVERS)}
    open_findings = [finding for finding in findings if finding.waiver is None]
    entries = {
        (finding.environment, finding.fingerprint): BaselineEntry(
            fingerprint=finding.fingerprint,
            rule=finding.rule,
            environment=finding.environment or "",
            resource=str(finding.resource) if finding.resource else None,
            path=finding.path or _file(finding),
        )
        for finding in open_findings
        if finding.rule in waivable
    }
    refused = tuple(
        finding
        for finding in open_findings
        if finding.rule not in waivable and not finding.rule.startswith(OF_WAIVERS)
    )
    return BaselineDraft(tuple(entries.values()), refused)


def remaining(
    entries: Sequence[BaselineEntry], findings: Iterable[Finding], judged: Collection[str]
) -> list[BaselineEntry]:
    """The entries that still cover a finding, and those of environments that were not judged."""
    there = {(f.environment or "", f.rule, f.fingerprint) for f in findings}
    return [
        each
        for each in entries
        if (each.environment, each.rule, each.fingerprint) in there
        or each.environment not in judged
    ]


def text_of(entries: Iterable[BaselineEntry]) -> str:
    """The file, one entry a block, in the order of environments, rules and objects."""
    ordered = sorted(
        entries,
        key=lambda e: (e.environment, e.rule, e.resource or "", e.path or "", e.fingerprint),
    )
    findings: list[JSONObject] = [msgspec.to_builtins(_without_place(each)) for each in ordered]
    return HEAD + dump_value({"findings": findings})


def _without_place(entry: BaselineEntry) -> BaselineEntry:
    return msgspec.structs.replace(entry, source=None)


def _file(finding: Finding) -> str | None:
    return finding.source.file if finding.source and finding.resource is None else None
