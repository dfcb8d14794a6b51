"""JSON, which YAML's parser takes too, but slower, and without surrogate pairs in escapes."""

from __future__ import annotations

import json
import math
import re

from meshgate.model import JSON, JSONObject
from meshgate.yamldoc.scalars import INT64_MAX, INT64_MIN

SPACE = re.compile(r"[ \t\r\n]*")
# What is nested deeper is left to the YAML parser, which refuses it with its place.
DEEPEST = 100


class UnclearError(ValueError):
    """Something in the text that needs the YAML parser's closer look."""


def values(text: str) -> list[JSON] | None:
    """The values in a JSON text, one after another; None where it is better read as YAML.

    That is so for what is no JSON, nests too deep or has a key twice.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_mapping, parse_int=_integer, parse_float=_float, parse_constant=_constant
    )
    documents = []
    at = 0
    try:
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            documents.append(value)
            at = _skipped(text, end)
    except (ValueError, RecursionError):
        return None
    return documents if all(_depth(value) <= DEEPEST for value in documents) else None


def _skipped(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _mapping(pairs: list[tuple[str, JSON]]) -> JSONObject:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise UnclearError
    return mapping


def _integer(text: str) -> int | float:
    number = int(text)
    return number if INT64_MIN <= number <= INT64_MAX else float(number)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise UnclearError(text)
    return number


def _constant(text: str) -> JSON:
    raise UnclearError(text)


def _depth(value: JSON) -> int:
    """How deep mappings and lists nest, level by level: a recursion could be too deep itself."""
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
