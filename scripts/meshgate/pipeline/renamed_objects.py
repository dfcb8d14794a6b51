"""Objects of one environment by the names that they have in another.

Where namespaces or objects carry the environment in their names (`shop-staging`, `shop-prod`), the
environments say so under `names:`, and comparisons go by what is left of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import structs

from meshgate.mesh import Mesh
from meshgate.model import JSON, NamePatterns, Resource, ResourceIndex
from meshgate.rules.context import Context

NAMESPACE = "Namespace"
# A name ends where a DNS label ends.
_LABEL = "A-Za-z0-9-"


def by_names(
    resources: Iterable[Resource], theirs: NamePatterns, ours: NamePatterns
) -> list[Resource]:
    """The objects with every name of theirs as it is in ours, wherever it is written in them."""
    given = list(resources)
    renames = _renames(given, theirs, ours)
    if not renames:
        return given
    longest = sorted(renames, key=len, reverse=True)
    pattern = re.compile(rf"(?<![{_LABEL}])({'|'.join(map(re.escape, longest))})(?![{_LABEL}])")
    return [_renamed(each, pattern, renames) for each in given]


def _renames(
    resources: Iterable[Resource], theirs: NamePatterns, ours: NamePatterns
) -> dict[str, str]:
    """Each name that is another one in ours: namespaces first, they decide where both fit."""
    renames: dict[str, str] = {}
    for resource in resources:
        is_namespace = resource.kind == NAMESPACE
        namespace = resource.name if is_namespace else resource.namespace or ""
        if plain := theirs.plain_namespace(namespace):
            renames[namespace] = ours.namespace.replace("{name}", plain)
        if not is_namespace and (plain := theirs.plain_name(resource.name)):
            renames.setdefault(resource.name, ours.name.replace("{name}", plain))
    return {name: other for name, other in renames.items() if name != other}


def _renamed(resource: Resource, pattern: re.Pattern[str], renames: Mapping[str, str]) -> Resource:
    def text(value: str) -> str:
        return pattern.sub(lambda match: renames[match[0]], value)

    def everywhere(value: JSON) -> JSON:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [everywhere(each) for each in value]
        if isinstance(value, dict):
            return {key: everywhere(each) for key, each in value.items()}
        return value

    value = everywhere(resource.value)
    assert isinstance(value, dict)
    return structs.replace(
        resource,
        value=value,
        name=text(resource.name),
        namespace=text(resource.namespace) if resource.namespace else None,
    )


def context_by_names(context: Context, names: NamePatterns) -> Context:
    """What rules look at of an environment, by the names of another."""
    theirs = context.environment.names
    if theirs == names:
        return context
    renamed = by_names(context.resources.all, theirs, names)
    return structs.replace(
        context,
        resources=ResourceIndex(renamed),
        rendered=tuple(by_names(context.rendered, theirs, names)),
        mesh=Mesh(renamed, context.environment.mesh) if context.mesh is not None else None,
    )
