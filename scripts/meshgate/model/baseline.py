"""Findings that were there when meshgate came: `baseline.yaml`."""

from __future__ import annotations

import datetime
from typing import Annotated

from msgspec import Meta

from meshgate.model.document import EnvironmentName, Placed, RuleID, Text, about
from meshgate.model.waiver import RESOURCE, Waiver

OWNER = "baseline"
REASON = "it was there when the baseline was written"


class BaselineEntry(Placed, frozen=True, kw_only=True):
    """One finding of the baseline. The fingerprint decides; the rest is for people."""

    fingerprint: Annotated[
        str, Meta(pattern="^[0-9a-f]{32}$", description="Of the finding, as reports have it.")
    ]
    rule: RuleID
    environment: Annotated[
        EnvironmentName, about("Absent: it is of no environment, as an orphan file is.")
    ] = ""
    resource: Annotated[
        Annotated[str, Meta(pattern=RESOURCE)] | None, about("The object, if it is about one.")
    ] = None
    path: Annotated[Text | None, about("The field, or the file.")] = None

    @property
    def place(self) -> str:
        """What it is about, as people read it."""
        return " ".join(part for part in (self.resource, self.path) if part)


class Baselined(Waiver, frozen=True, kw_only=True):
    """The acceptance of a finding that is in the baseline: nobody's word, and no last day."""

    @property
    def lasts(self) -> str:
        return "until it is mended"


def baselined(entry: BaselineEntry) -> Baselined:
    """What a finding of the baseline carries in the place of a waiver."""
    return Baselined(
        rule=entry.rule,
        resource=entry.resource,
        path=entry.path or entry.fingerprint,
        owner=OWNER,
        reason=REASON,
        expires=datetime.date.max,
    )
