"""Paths as Envoy compares them: normalization and path templates."""

from __future__ import annotations

import functools
import re
import string

from meshgate.mesh.authorization.attributes import Normalization

ONE_SEGMENT, ANY_REST = "{*}", "{**}"
# Characters of a segment that an operator matches (uri_template_lib.cc).
OPERATOR_CHARACTERS = r"A-Za-z0-9\-._~%!$&'()+,;:@=*"
# Escapes of these are written out, and these that stand as they are become escapes (googleurl's
# path canonicalization, as Envoy 1.40 answers).
UNESCAPED = frozenset(string.ascii_letters + string.digits + "-._~")
ESCAPED = frozenset('"<>^`{|}')
_ESCAPE = re.compile("%([0-9a-fA-F]{2})")
_ESCAPED_CHARACTER = re.compile('["<>^`{|}]')
# Whole segments; what follows a semicolon belongs to a segment of literal dots.
_DOT = re.compile(r"\.|%2e|\.;.*", re.IGNORECASE)
_TWO_DOTS = re.compile(r"(?:\.|%2e){2}|\.\.;.*", re.IGNORECASE)
_ESCAPED_SLASH = re.compile("%2f|%5c", re.IGNORECASE)


# A mesh asks its policies for a handful of paths, thousands of times each.
@functools.lru_cache(maxsize=4096)
def normalized(path: str, normalization: Normalization) -> str:
    """The path, with its query, as filters see it (HttpConnectionManager path normalization).

    `%2F` and `%5C` are decoded by DECODE_AND_MERGE_SLASHES alone, escapes of letters, digits and
    `-._~` always, and other ones never. Envoy answers 400 to `%00`, which is left as it is here.
    """
    path = path.partition("#")[0]
    if normalization is Normalization.NONE:
        return path
    text, mark, query = path.partition("?")
    if normalization is Normalization.DECODE_AND_MERGE_SLASHES:
        text = _ESCAPED_SLASH.sub(lambda escape: "/" if escape[0] in {"%2f", "%2F"} else "\\", text)
    text = _without_dots(text.replace("\\", "/"))
    if normalization is not Normalization.BASE:
        text = _merged(text)
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
    """The path without its dot segments (RFC 3986 5.2.4); an empty segment is a segment.

    Of the other segments, escapes are written as Envoy writes them.
    """
    if not path.startswith("/"):
        return path
    resolved: list[str] = []
    segments = path[1:].split("/")
    for index, segment in enumerate(segments):
        is_parent = _TWO_DOTS.fullmatch(segment) is not None
        if is_parent or _DOT.fullmatch(segment):
            if is_parent and resolved:
                resolved.pop()
            if index == len(segments) - 1:
                resolved.append("")
        else:
            resolved.append(_spelled(segment))
    return "/" + "/".join(resolved)


def is_unescaped(escape: str) -> bool:
    """Whether an escape such as `%61` is written out as the character that it means."""
    return chr(int(escape[1:], 16)) in UNESCAPED


def _spelled(segment: str) -> str:
    """A segment with the escapes that Envoy writes, and no other ones of theirs."""
    plain = _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if is_unescaped(found[0]) else found[0], segment
    )
    return _ESCAPED_CHARACTER.sub(lambda found: f"%{ord(found[0]):02X}", plain)


def _merged(path: str) -> str:
    """The path without empty segments; one of slashes alone keeps two (PathUtil::mergeSlashes)."""
    if "//" not in path:
        return path
    start, end = ("/" if path.startswith("/") else ""), ("/" if path.endswith("/") else "")
    return f"{start}{'/'.join(filter(None, path.split('/')))}{end}"
