"""Which objects a patch of a kustomization is for (`Select` in kustomize's api/resmap)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from meshgate.model import CLUSTER_WIDE_KINDS, JSON, JSONObject

REQUIREMENT = re.compile(
    r"\s*(?P<not>!)?\s*(?P<key>[^\s=!,()]+)\s*"
    r"(?:(?P<op>==|=|!=)\s*(?P<value>[^\s,()]*)|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?"
    r"\s*(?:,|\Z)"
)

LONGEST_PATTERN = 1000
UNBOUNDED = re.compile(r"[*+]|\{\d*,")
MOST_UNBOUNDED = 3
# A repeated group, or a reference to one.
NESTED = re.compile(r"\)[*+?{]|\\[1-9]|\(\?[^:]")


class Identity(Struct, frozen=True):
    """What kustomize knows an object by."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, value: JSONObject) -> Identity:
        """The identity of a manifest; objects without namespace are in `default`."""
        metadata = value.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        kind = str(value.get("kind", ""))
        # For kustomize no kind of a CustomResourceDefinition is cluster-wide.
        wide = kind in CLUSTER_WIDE_KINDS
        return cls(
            str(value.get("apiVersion", "")),
            kind,
            "" if wide else str(metadata.get("namespace") or "default"),
            str(metadata.get("name", "")),
        )


def selects(target: JSONObject, known: Sequence[Identity], value: JSONObject) -> bool:
    """Whether a patch's `target` is for an object that was `known` by these names, first and last.

    Each field is a regular expression for the whole of the text; an empty one matches all.
    """
    first, last = known[0], known[-1]
    group, _, version = last.api_version.rpartition("/")
    return (
        (_matches(target.get("namespace"), first.namespace, last.namespace))
        and _matches(target.get("name"), first.name, last.name)
        and _matches(target.get("group"), group)
        and _matches(target.get("version"), version)
        and _matches(target.get("kind"), last.kind)
        and _labelled(target.get("labelSelector"), value, "labels")
        and _labelled(target.get("annotationSelector"), value, "annotations")
    )


def _matches(pattern: JSON, *texts: str) -> bool:
    if not pattern:
        return True
    if not is_simple(str(pattern)):
        return False
    try:
        return any(re.fullmatch(str(pattern), text) for text in texts)
    except re.error:
        return False


def is_simple(pattern: str) -> bool:
    """Whether a pattern cannot take Python long: Go's own expressions never do, Python's can.

    Of another one it is not known here what it matches; kustomize knows.
    """
    return (
        len(pattern) <= LONGEST_PATTERN
        and len(UNBOUNDED.findall(pattern)) <= MOST_UNBOUNDED
        and not NESTED.search(pattern)
    )


def is_followed(target: JSONObject) -> bool:
    """Whether `selects` tells for certain what a target matches."""
    patterns = (target.get(key) for key in ("namespace", "name", "group", "version", "kind"))
    selectors = (target.get(key) for key in ("labelSelector", "annotationSelector"))
    return all(is_simple(str(pattern or "")) for pattern in patterns) and all(
        len(str(selector or "")) <= LONGEST_PATTERN for selector in selectors
    )


def _labelled(selector: JSON, value: JSONObject, field: str) -> bool:
    if not selector:
        return True
    if len(str(selector)) > LONGEST_PATTERN:
        return False
    metadata = value.get("metadata")
    field_value = metadata.get(field) if isinstance(metadata, dict) else None
    labels = field_value if isinstance(field_value, dict) else {}
    text = str(selector)
    at = 0
    while at < len(text):
        match = REQUIREMENT.match(text, at)
        if match is None or match.end() == at or not _meets(match, labels):
            return False
        at = match.end()
    return True


def _meets(match: re.Match[str], labels: JSONObject) -> bool:
    """One requirement of a label selector (apimachinery's labels.Parse)."""
    key = match["key"]
    if match["op"]:
        equal = str(labels.get(key)) == match["value"] if key in labels else False
        return not equal if match["op"] == "!=" else equal
    if match["set"]:
        inside = key in labels and str(labels[key]) in map(str.strip, match["values"].split(","))
        return not inside if match["set"] == "notin" else inside
    return (key in labels) is not bool(match["not"])
