"""Telemetry (validation.ValidateTelemetry)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.schema.cel_rules import syntax_fault
from meshgate.schema.phrases import shown
from meshgate.schema.webhook.problem import Problem, duration_format
from meshgate.schema.webhook.selectors import attachment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSONObject, Resource
    from meshgate.schema.webhook.problem import Path

TAGS = {
    "literal": ("value", "a literal tag has no `value`"),
    "header": ("name", "a header tag has no `name`"),
    "environment": ("name", "an environment tag has no `name`"),
}


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a Telemetry."""
    spec = resource.spec
    yield from attachment(spec, ("spec",))
    for field in ("metrics", "tracing", "accessLogging"):
        for index, entry in enumerate(spec.get(field, ())):
            yield from _providers(entry, ("spec", field, index))
    for index, entry in enumerate(spec.get("tracing", ())):
        yield from _tracing(entry, ("spec", "tracing", index))
    for index, entry in enumerate(spec.get("metrics", ())):
        path = ("spec", "metrics", index)
        yield from duration_format(entry, "reportingInterval", path)
        for position, override in enumerate(entry.get("overrides", ())):
            yield from _override(override, (*path, "overrides", position))
    for index, entry in enumerate(spec.get("accessLogging", ())):
        expression = entry.get("filter", {}).get("expression", "")
        if "filter" in entry and syntax_fault(expression) is not None:
            here = ("spec", "accessLogging", index, "filter")
            yield Problem(here, f"{shown(expression)} is no CEL expression")


def _providers(entry: JSONObject, path: Path) -> Iterator[Problem]:
    for index, provider in enumerate(entry.get("providers", ())):
        if not provider.get("name"):
            yield Problem((*path, "providers", index), "the provider has no `name`")


def _tracing(entry: JSONObject, path: Path) -> Iterator[Problem]:
    if not 0 <= entry.get("randomSamplingPercentage", 0) <= 100:  # noqa: PLR2004 - percent
        yield Problem((*path, "randomSamplingPercentage"), "must be in 0..100")
    for name, tag in entry.get("customTags", {}).items():
        here = (*path, "customTags", name)
        if not name:
            yield Problem((*path, "customTags"), "a tag has no name")
        for kind, (field, fault) in TAGS.items():
            if kind in tag and not tag[kind].get(field):
                yield Problem((*here, kind), fault)


def _override(override: JSONObject, path: Path) -> Iterator[Problem]:
    for name, tag in override.get("tagOverrides", {}).items():
        here = (*path, "tagOverrides", name)
        operation = tag.get("operation", "UPSERT")
        if operation == "UPSERT" and not tag.get("value"):
            yield Problem(here, "UPSERT needs a `value`")
        elif operation == "REMOVE" and tag.get("value"):
            yield Problem((*here, "value"), "REMOVE takes no `value`")
    match = override.get("match", {})
    if match.get("customMetric") == "":
        yield Problem((*path, "match", "customMetric"), "the name of the metric is empty")
