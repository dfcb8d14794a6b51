"""Variables in manifests that are given values when they are applied: `${NAME}`, `$(NAME)`.

Flux replaces `${NAME}` after the build, as a shell does (github.com/fluxcd/pkg/envsubst);
`$(NAME)` is what kustomize's `vars` leave where they replace nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from meshgate.model.environment import MESH_KINDS
from meshgate.model.resource import Resource
from meshgate.model.value import JSON

VARIABLE = re.compile(
    r"(?P<escape>\$?)"
    r"(?:\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"(?:(?P<sign>:?[-=+])(?P<other>[^}]*)|(?P<more>[/,^#%:@][^}]*))?\}"
    r"|\$\((?P<var>[A-Za-z_][A-Za-z0-9_]*)\))"
)
WHOLE = re.compile(r"\$\{[^}]*\}|\$\([A-Za-z0-9_]+\)")
# Objects that Flux leaves alone say so in a label or annotation.
SWITCH = "kustomize.toolkit.fluxcd.io/substitute"
DISABLED = "disabled"
# The key of what SOPS has encrypted.
SOPS = "sops"
# Elsewhere `${NAME}` may be a script's own: what policies and Services say is no script.
KINDS = {**MESH_KINDS, "RequestAuthentication": "security.istio.io", "Service": ""}


class Substituted(Struct, frozen=True):
    """Objects with their variables replaced; those that lack a value, with its names."""

    resources: list[Resource]
    unresolved: tuple[tuple[Resource, tuple[str, ...]], ...]


def substituted(
    resources: Iterable[Resource],
    values: Mapping[str, str],
    plain: Callable[[str], JSON],
) -> Substituted:
    """The objects as they are applied.

    `plain` reads an unquoted scalar: a value that stands alone has the type that YAML gives it.
    """
    resources_after: list[Resource] = []
    unresolved = []
    for resource in resources:
        if (
            KINDS.get(resource.kind) != resource.group
            or not _has_dollar(resource.value)
            or _is_left_alone(resource)
        ):
            resources_after.append(resource)
            continue
        replacing = _Replacing(values, plain)
        value = replacing.value(resource.value)
        if replacing.count:
            resource = Resource.of(value, resource.origin, foreign=resource.foreign)  # noqa: PLW2901 - the same object, with its values
        resources_after.append(resource)
        if replacing.missing:
            unresolved.append((resource, tuple(replacing.missing)))
    return Substituted(resources_after, tuple(unresolved))


def put_in(
    resources: Iterable[Resource],
    values: Mapping[str, str],
    plain: Callable[[str], JSON],
) -> list[Resource]:
    """The objects as a cluster is given them where nothing behind meshgate replaces variables.

    Policies and Services by the rules they are judged by; every other kind where there are values
    at all, as Flux has it, but for `$(NAME)`, which is Kubernetes' own there, and for what is
    encrypted. What has no value stays. An object whose escapes are undone tells Flux to leave it
    alone, since `${NAME}` in it is text now.
    """
    resources_after: list[Resource] = []
    for resource in resources:
        is_judged = KINDS.get(resource.kind) == resource.group
        if (
            not (is_judged or (values and SOPS not in resource.value))
            or not _has_dollar(resource.value)
            or _is_left_alone(resource)
        ):
            resources_after.append(resource)
            continue
        replacing = _Replacing(values, plain, vars_too=is_judged)
        value = replacing.value(resource.value)
        assert isinstance(value, dict)
        if replacing.escapes:
            metadata = value.get("metadata") or {}
            annotations = {**(metadata.get("annotations") or {}), SWITCH: DISABLED}
            value = {**value, "metadata": {**metadata, "annotations": annotations}}
        resources_after.append(Resource.of(value, resource.origin, foreign=resource.foreign))
    return resources_after


def _has_dollar(value: JSON) -> bool:
    """Whether a text in it could be a variable: most objects hold none, and are left alone."""
    try:
        return b"$" in msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError):
        # Half a character, or a number that JSON has no place for.
        return True


def _is_left_alone(resource: Resource) -> bool:
    return DISABLED in (resource.labels.get(SWITCH), resource.annotations.get(SWITCH))


class _Replacing:
    """The variables of one object: how many were replaced, and which have no value."""

    def __init__(
        self, values: Mapping[str, str], plain: Callable[[str], JSON], *, vars_too: bool = True
    ) -> None:
        self.values = values
        self.plain = plain
        self.vars_too = vars_too
        self.count = 0
        self.escapes = 0
        self.missing: dict[str, None] = {}

    def value(self, value: JSON) -> JSON:
        """The value with each text in it replaced, keys included."""
        if isinstance(value, str):
            return self.text(value) if "$" in value else value
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {str(self.value(key)): self.value(item) for key, item in value.items()}
        return value

    def text(self, text: str) -> JSON:
        before = self.count, len(self.missing)
        replaced = VARIABLE.sub(self.replacement, text)
        changed = (self.count, len(self.missing)) != before
        return self.plain(replaced) if changed and WHOLE.fullmatch(text) else replaced

    def replacement(self, match: re.Match[str]) -> str:
        """What takes the place of one variable; itself where that is not known."""
        if match["var"] and not self.vars_too:
            return match[0]
        if match["escape"]:
            self.count += 1
            self.escapes += 1
            return match[0][1:]
        name = match["name"] or match["var"]
        known = self.values.get(name)
        sign = match["sign"] or ""
        if sign.endswith("+"):
            self.count += 1
            return match["other"] if known else ""
        if sign and (known is None or (sign.startswith(":") and not known)):
            self.count += 1
            return str(match["other"])
        # Other operations of a shell are not done here: their result is not known.
        if known is None or match["more"]:
            self.missing[match[0]] = None
            return match[0]
        self.count += 1
        return known
