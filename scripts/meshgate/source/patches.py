"""Apply patches as kustomize does, and tell what a patch itself sets.

Kinds of the mesh have no schema in kustomize: a strategic-merge patch is a JSON merge patch for
them (RFC 7386), where a list takes the place of a list. Built-in kinds merge some lists by key.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import JSON, JSONObject

Part = str | int

DIRECTIVE = "$patch"
# `x-kubernetes-patch-merge-key` of the lists that matter here, by field.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "secrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
    "webhooks": "name",
}
# Within a container and within a Service.
PORT_KEYS = ("containerPort", "port")


def same(one: JSON, other: JSON) -> bool:
    """Whether two values are equal as JSON: to Python, true is 1."""
    if one != other or type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return all(map(same, one, other))
    return True


def alike(one: JSON, other: JSON) -> bool:
    """Whether two values differ at most in what is text and what is not: 1 and "1"."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other or str(one).lower() == str(other).lower()


def written_like(value: JSON, other: JSON) -> JSON:
    """A value with what differs from `other` only in being text, or not, as it is there."""
    if isinstance(value, dict) and isinstance(other, dict):
        return {
            key: written_like(item, other[key]) if key in other else item
            for key, item in value.items()
        }
    if isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
        return [written_like(*pair) for pair in zip(value, other, strict=True)]
    if isinstance(value, dict | list) or isinstance(other, dict | list):
        return value
    return other if alike(value, other) else value


def is_built_in(value: JSONObject) -> bool:
    """Whether kustomize knows the kind's schema, and so its merge keys."""
    group, _, _ = str(value.get("apiVersion", "")).rpartition("/")
    return "." not in group or (group.endswith(".k8s.io") and "gateway." not in group)


def merged(target: JSON, patch: JSON, field: str, *, by_key: bool) -> JSON:
    """What a strategic-merge patch makes of a value; neither of the two is changed.

    `field`: the key the value stands under; `by_key`: whether lists have merge keys. An object
    that the patch deletes as a whole is None.
    """
    if isinstance(patch, dict):
        return _merged_mapping(target, patch, by_key=by_key)
    if isinstance(patch, list) and by_key and (key := merge_key(field, patch)):
        return _merged_list(target if isinstance(target, list) else [], patch, key)
    return patch


def _merged_mapping(target: JSON, patch: JSONObject, *, by_key: bool) -> JSON:
    directive = patch.get(DIRECTIVE)
    if directive == "delete":
        return None
    keep = directive != "replace" and isinstance(target, dict)
    mapping: JSONObject = dict(target) if keep else {}
    for key, value in patch.items():
        if key == DIRECTIVE:
            continue
        new = None if value is None else merged(mapping.get(key), value, key, by_key=by_key)
        if new is None:
            mapping.pop(key, None)
        else:
            mapping[key] = new
    return mapping


def _merged_list(target: list[JSON], patch: list[JSON], key: str) -> list[JSON]:
    """Items of one key become one; those of the patch come first, as kustomize has it."""
    if any(isinstance(item, dict) and set(item) == {DIRECTIVE} for item in patch):
        return [item for item in patch if DIRECTIVE not in item]
    rest = list(target)
    first: list[JSON] = []
    for item in patch:
        index = same_key(rest, item, key)
        result = _merged_mapping(None if index is None else rest.pop(index), item, by_key=True)
        if result is not None:
            first.append(result)
    return first + rest


def merge_key(field: str, items: Sequence[JSON]) -> str | None:
    """The key that joins the items of a list of a built-in kind; None where none does."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    if field == "ports":
        return next((key for key in PORT_KEYS if all(key in item for item in items)), None)
    return MERGE_KEYS.get(field)


def same_key(items: Sequence[JSON], item: JSON, key: str) -> int | None:
    """The index of the first of the items that has the same value for a key."""
    wanted = item.get(key)
    for index, other in enumerate(items):
        if isinstance(other, dict) and other.get(key) == wanted:
            return index
    return None


def json_patched(value: JSONObject, operations: Sequence[JSON]) -> JSONObject | None:
    """What a JSON patch (RFC 6902) makes of a value; None where it does not apply."""
    import jsonpatch  # noqa: PLC0415 - few overlays have such a patch

    try:
        patched = jsonpatch.apply_patch(value, list(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError):
        return None
    return patched if isinstance(patched, dict) else None


def pointer(path: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def in_patch(patch: JSON, after: JSON, path: Sequence[Part]) -> list[Part] | None:
    """Where a strategic-merge patch sets what stands at a path of its result.

    The path within the patch; it can be shorter, where the patch sets or removes a parent. None
    where the patch is silent about it.
    """
    parts: list[Part] = []
    field = ""
    for part in path:
        if isinstance(patch, dict):
            if patch.get(DIRECTIVE) == "replace" and part not in patch:
                return parts
            if part not in patch:
                return None
            parts.append(part)
            patch, field = patch[part], str(part)
        elif isinstance(patch, list) and isinstance(part, int):
            index = _item_in_patch(patch, after, part, field)
            if index is None:
                return None
            parts.append(index)
            patch = patch[index]
        else:
            return parts
        after = _child(after, part)
    return parts


def _item_in_patch(patch: list[JSON], after: JSON, index: int, field: str) -> int | None:
    key = merge_key(field, patch)
    item = _child(after, index)
    if key and isinstance(item, dict) and (place := same_key(patch, item, key)) is not None:
        return place
    # A list that was replaced as a whole stands in the patch as it stands in the result.
    return index if index < len(patch) and same(patch[index], item) else None


def _child(value: JSON, part: Part) -> JSON:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
