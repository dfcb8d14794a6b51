"""Telemetry (validation.ValidateTelemetry)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.cel_rules import syntax_fault
from meshgate.schema.webhook.problem import Problem
from meshgate.schema.webhook.selectors import attachment
from meshgate.wording.phrases import shown


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a Telemetry."""
    spec = resource.spec
    yield from attachment(spec, ("spec",))
    for index, entry in enumerate(spec.get("tracing", ())):
        if "" in entry.get("customTags", {}):
            yield Problem(("spec", "tracing", index, "customTags"), "a tag has no name")
    for index, entry in enumerate(spec.get("metrics", ())):
        for position, override in enumerate(entry.get("overrides", ())):
            path = ("spec", "metrics", index, "overrides", position, "tagOverrides")
            for name, tag in override.get("tagOverrides", {}).items():
                if tag.get("operation", "UPSERT") == "UPSERT" and not tag.get("value"):
                    yield Problem((*path, name), "UPSERT needs a `value`")
    for index, entry in enumerate(spec.get("accessLogging", ())):
        expression = entry.get("filter", {}).get("expression", "")
        if "filter" in entry and syntax_fault(expression) is not None:
            here = ("spec", "accessLogging", index, "filter")
            yield Problem(here, f"{shown(expression)} is no CEL expression")
