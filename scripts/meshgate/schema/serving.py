"""Which schema an object is judged by, and the objects that nobody serves (SH007)."""

from __future__ import annotations

from collections.abc import Collection

from meshgate.errors import SchemaMissingError
from meshgate.model import Resource, SchemaViolation
from meshgate.schema.catalog import ServedKind, ServedKinds, other_versions
from meshgate.wording.nearest import hint

# A file that istioctl reads; no cluster stores it.
ISTIOCTL_GROUP = "install.istio.io"
MESH_DOMAIN = ".istio.io"
# How alike two group names are when one is a slip of the pen for the other.
SLIP = 0.85


def judged_by(
    resource: Resource, catalog: ServedKinds, allowed: Collection[str] | None
) -> ServedKind | SchemaViolation | None:
    """The kind whose schema judges this object; what is wrong with its apiVersion or kind; or None.

    None: no mesh policy, and nothing is known of it. Raises SchemaMissingError when it is policy
    (`allowed` names its kind, or is None and the group is Istio's) and there is no schema.
    """
    for field in ("apiVersion", "kind"):
        if not isinstance(resource.value.get(field), str) or not resource.value[field]:
            return SchemaViolation("SH002", resource, field, f"`{field}` is missing")
    group, _, version = resource.api_version.rpartition("/")
    known = catalog.kinds.get((group, resource.kind))
    if known is not None:
        return known if version in known.served else _unserved(resource, [known])
    if group == ISTIOCTL_GROUP:
        return None
    namesakes = [kind for kind in catalog.named(resource.kind) if _means(group, kind.group)]
    if namesakes:
        return _unserved(resource, namesakes)
    if group.endswith(MESH_DOMAIN):
        return _unknown_policy(resource, catalog, allowed)
    if allowed is not None and resource.kind in allowed and not catalog.named(resource.kind):
        raise _missing(resource, catalog)
    return None


def _means(group: str, known: str) -> bool:
    """Whether an object of `group` was meant for the API group `known`.

    A kind of another vendor may share its name with one of Istio or Kubernetes; a group that is
    built in (it has no dot), is Istio's, or looks like the known one is no other vendor's.
    """
    if known.endswith(MESH_DOMAIN) and "istio" in group:
        return True
    if "." not in group:
        return True
    import difflib  # noqa: PLC0415 - most groups are known

    return difflib.SequenceMatcher(None, group, known).ratio() >= SLIP


def _unserved(resource: Resource, kinds: list[ServedKind]) -> SchemaViolation:
    served = [version for kind in kinds for version in kind.api_versions]
    servers = " or ".join(dict.fromkeys(kind.server for kind in kinds))
    return SchemaViolation(
        "SH007",
        resource,
        "apiVersion",
        f"{servers} does not serve {resource.kind} as `{resource.api_version}`; "
        f"it serves {', '.join(served)}",
        f"write apiVersion: {served[0]}",
    )


def _unknown_policy(
    resource: Resource, catalog: ServedKinds, allowed: Collection[str] | None
) -> SchemaViolation | None:
    elsewhere = other_versions(resource.kind, resource.group)
    if elsewhere:
        return SchemaViolation(
            "SH007",
            resource,
            "kind",
            f"Istio {catalog.istio} does not serve {resource.kind}; "
            f"Istio {', '.join(elsewhere)} does",
            "take it out, or set mesh.istio to the version that runs there",
        )
    if resource.group not in catalog.mesh_groups:
        return SchemaViolation(
            "SH007",
            resource,
            "apiVersion",
            f"Istio {catalog.istio} does not serve the API group {resource.group}",
            "take it out, or replace it by the API that took its place",
        )
    if allowed is None or resource.kind in allowed:
        raise _missing(resource, catalog)
    return None


def _missing(resource: Resource, catalog: ServedKinds) -> SchemaMissingError:
    place = f"{resource.origin.file}: " if resource.origin else ""
    otherwise = "take the kind out of require.kinds and of the policies, or add its schema"
    return SchemaMissingError(
        f"{place}there is no schema for {resource.kind} ({resource.api_version}), "
        f"wanted by {resource}",
        why="What cannot be checked must not pass for what was checked.",
        hint=hint(resource.kind, [kind for _, kind in catalog.kinds], otherwise),
    )
