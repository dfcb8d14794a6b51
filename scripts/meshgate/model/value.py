"""Untyped values, as JSON and YAML hold them, and the paths that lead into them."""

from __future__ import annotations

from typing import Any, TypeAlias

# Manifests are untyped until a schema has judged them; this is the one home of `Any`.
JSON: TypeAlias = Any


JSONObject: TypeAlias = dict[str, Any]


PATH_KEY_NEEDS_QUOTES = frozenset(".[]\"' ")


def join_path(*parts: str | int) -> str:
    """A finding's path: `spec.subsets[0].name`; a key with a dot is quoted: `labels["a.b/c"]`."""
    out = ""
    for part in parts:
        if isinstance(part, int):
            out += f"[{part}]"
        elif PATH_KEY_NEEDS_QUOTES.isdisjoint(part) and part:
            out += f".{part}" if out else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{escaped}"]'
    return out


def split_path(path: str) -> list[str | int]:
    """The parts of a finding's path, the inverse of `join_path`."""
    parts: list[str | int] = []
    i = 0
    while i < len(path):
        if path[i] == ".":
            i += 1
        elif path.startswith('["', i):
            i += 2
            key = ""
            while path[i] != '"':
                i += path[i] == "\\"
                key += path[i]
                i += 1
            parts.append(key)
            i += 2
        elif path[i] == "[":
            end = path.index("]", i)
            parts.append(int(path[i + 1 : end]))
            i = end + 1
        else:
            end = i
            while end < len(path) and path[end] not in ".[":
                end += 1
            parts.append(path[i:end])
            i = end
    return parts


def value_at(value: JSON, path: str) -> JSON:
    """The value at a path, or None where the path leads nowhere."""
    for part in split_path(path):
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return None
            value = value[part]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value
