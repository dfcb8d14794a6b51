"""Paths as Envoy compares them: normalization and path templates."""

from __future__ import annotations

import re

from meshgate.mesh.authorization.attributes import Normalization

ONE_SEGMENT, ANY_REST = "{*}", "{**}"
# Characters of a segment that an operator matches (uri_template_lib.cc).
OPERATOR_CHARACTERS = r"A-Za-z0-9\-._~%!$&'()+,;:@=*"
_ESCAPED_SLASH = re.compile("%2f|%5c", re.IGNORECASE)
_SLASHES = re.compile("/{2,}")


def normalized(path: str, normalization: Normalization) -> str:
    """The path, with its query, as filters see it (HttpConnectionManager path normalization).

    Percent escapes other than `%2F` and `%5C` are left as they are.
    """
    path = path.partition("#")[0]
    if normalization is Normalization.NONE:
        return path
    text, mark, query = path.partition("?")
    if normalization is Normalization.DECODE_AND_MERGE_SLASHES:
        text = _ESCAPED_SLASH.sub(lambda escape: "/" if escape[0] in {"%2f", "%2F"} else "\\", text)
    text = _without_dots(text.replace("\\", "/"))
    if normalization is not Normalization.BASE:
        text = _SLASHES.sub("/", text)
    return f"{text}{mark}{query}"


def without_query(path: str) -> str:
    """The part of a path that `paths` is compared with."""
    return path.partition("?")[0]


def is_template(value: str) -> bool:
    """Whether a value of `paths` is a path template."""
    return ONE_SEGMENT in value or ANY_REST in value


def template_pattern(value: str) -> str:
    """The regular expression of a path template; it must match the whole path."""
    segments = []
    for segment in value.split("/"):
        if segment == ONE_SEGMENT:
            segments.append(f"[{OPERATOR_CHARACTERS}]+")
        elif segment == ANY_REST:
            segments.append(f"[{OPERATOR_CHARACTERS}/]*")
        else:
            segments.append(re.escape(segment))
    return "/".join(segments)


def _without_dots(path: str) -> str:
    """The path without its dot segments (RFC 3986 5.2.4); an empty segment is a segment."""
    if not path.startswith("/"):
        return path
    resolved: list[str] = []
    segments = path[1:].split("/")
    for index, segment in enumerate(segments):
        if segment in {".", ".."}:
            if segment == ".." and resolved:
                resolved.pop()
            if index == len(segments) - 1:
                resolved.append("")
        else:
            resolved.append(segment)
    return "/" + "/".join(resolved)
