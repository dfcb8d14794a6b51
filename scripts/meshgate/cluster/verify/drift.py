"""What a cluster has against what was rendered for it, field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from meshgate.cluster.capture.ownership import ObjectIdentity
from meshgate.cluster.capture.redact import ANNOTATIONS
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.model import JSON, JSONObject, Resource, join_path

MISSING = "missing"
CHANGED = "changed"
UNREAD = "unread"

# What the API server writes, or what every version of a kind has in its own way.
SERVED = frozenset({"apiVersion", "kind", "metadata", "status"})


# The group of an API, empty for the core, and a kind of it.
ServedKind: TypeAlias = tuple[str, str]


class Absent:
    """A field that is not there; null is something else."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


class FieldDrift(NamedTuple):
    """One field that is not as rendered."""

    path: str
    wanted: JSON | Absent
    live: JSON | Absent


class Drift(NamedTuple):
    """One rendered object that the cluster has not, or has otherwise.

    kind: `missing`, `changed`, or `unread`: meshgate does not look at objects of this kind.
    """

    resource: Resource
    kind: str
    changes: tuple[FieldDrift, ...] = ()


def drift(
    rendered: Iterable[Resource], live: Iterable[JSONObject], looked_at: Collection[ServedKind]
) -> list[Drift]:
    """Every rendered object that is not in the cluster as it is, in the order rendered.

    `looked_at` are the kinds that `live` has all objects of: two APIs have a kind of one name.
    """
    there = {ObjectIdentity.of(resource): resource for resource in map(Resource.of, live)}
    drifted = []
    for resource in rendered:
        own = there.get(ObjectIdentity.of(resource))
        if (resource.group, resource.kind) not in looked_at:
            drifted.append(Drift(resource, UNREAD))
        elif own is None:
            drifted.append(Drift(resource, MISSING))
        elif changes := tuple(_changes(resource.value, own.value)):
            drifted.append(Drift(resource, CHANGED, changes))
    return drifted


def _changes(wanted: JSONObject, live: JSONObject) -> Iterator[FieldDrift]:
    """The fields that differ.

    Whoever else adds a field to a `spec` keeps it through every server-side apply, so one that was
    not rendered is drift too. Of labels and annotations only those that were rendered, and those
    that Istio reads: agents add their own.
    """
    for field in sorted((wanted.keys() | live.keys()) - SERVED):
        yield from _differences((field,), wanted.get(field, ABSENT), live.get(field, ABSENT))
    for field in ("labels", "annotations"):
        want = (wanted.get("metadata") or {}).get(field) or {}
        have = (live.get("metadata") or {}).get(field) or {}
        for key in sorted(want.keys() | {key for key in have if _decides(key)}):
            yield from _differences(
                ("metadata", field, key), want.get(key, ABSENT), have.get(key, ABSENT)
            )


def _decides(key: str) -> bool:
    return key == REVISION_LABEL or key.startswith(ANNOTATIONS)


def _differences(
    path: tuple[str | int, ...], wanted: JSON | Absent, live: JSON | Absent
) -> Iterator[FieldDrift]:
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key in sorted(wanted.keys() | live.keys()):
            yield from _differences((*path, key), wanted.get(key, ABSENT), live.get(key, ABSENT))
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for index, (part, other) in enumerate(zip(wanted, live, strict=True)):
            yield from _differences((*path, index), part, other)
    elif not _same(wanted, live):
        yield FieldDrift(join_path(*path), wanted, live)


def _same(wanted: JSON | Absent, live: JSON | Absent) -> bool:
    """Equal, and of one type: `true` is not 1. The API server drops null."""
    if {wanted is None or wanted is ABSENT, live is None or live is ABSENT} == {True}:
        return True
    return bool(wanted == live) and isinstance(wanted, bool) == isinstance(live, bool)
