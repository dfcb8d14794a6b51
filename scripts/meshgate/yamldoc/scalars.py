"""What an unquoted YAML scalar means to each reader, and where two readers disagree.

The API server and kubectl read YAML with sigs.k8s.io/yaml, that is Go's yaml.v2 (`resolve` in its
resolve.go), then turn it into JSON and read that again: `010` is 8, `yes` and `y` are true,
`12:30` is text, `1.0` becomes 1. PyYAML's own resolver differs on most of these.
"""

from __future__ import annotations

import functools
import math
import re

from meshgate.model import JSON

TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
NULL = frozenset(("", "~", "null", "Null", "NULL"))
TRUE_OR_FALSE_OF_1_1 = (TRUE | FALSE) - frozenset(
    ("true", "True", "TRUE", "false", "False", "FALSE")
)
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# Go's strconv.ParseInt with base 0, after underscores are taken out.
INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))"
)
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Where Go parses the text as it stands, an underscore may only stand between digits.
DOT_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}

CORE_WORDS: dict[str, JSON] = {"": None, "~": None, "null": None, "true": True, "false": False}
CORE_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
CORE_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?")

# Of 64 bits, with sign and prefix, in any base.
LONGEST_INTEGER = 70
INT64_MIN, INT64_MAX, UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1

# Readers of YAML 1.1 and 1.2, Go's yaml.v2 and v3 and PyYAML do not agree on these, or reading and
# writing them again changes them.
AMBIGUOUS = re.compile(
    r"y|Y|n|N|(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)"  # truth values of YAML 1.1
    r"|[-+]?0[0-9_]+|[-+]?0[oO][0-7_]+|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[bB][01_]+"  # other bases
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"  # base 60: 12:30
    r"|[-+]?[0-9]+_[0-9_]*"  # 1_000
    r"|[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)(?:[eE][-+]?[0-9]+)?"  # 1.10
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"  # a commit such as 12e4567
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"  # a date
)


@functools.lru_cache(maxsize=1 << 16)
def plain(text: str) -> JSON:
    """The value of an unquoted scalar; infinity and not-a-number too, which JSON has not."""
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    if text in NULL:
        return None
    first = text[0]
    if first in "0123456789+-":
        return _number(text)
    if first == "." and DOT_FLOAT.fullmatch(text):
        return _finite(float(text.replace("_", "")), text)
    return float(text.replace(".", "")) if NOT_FINITE.fullmatch(text) else text


def kustomize_plain(text: str) -> JSON:
    """The same as kustomize reads it, with Go's yaml.v3, where `yes` is text (dates aside)."""
    return text if text in TRUE_OR_FALSE_OF_1_1 else plain(text)


def core_plain(text: str) -> JSON:
    """The same in this project's own files: YAML 1.2's core, which is JSON's.

    `yes`, `010`, `1e5` and dates stay text, so nothing is guessed.
    """
    if text in CORE_WORDS:
        return CORE_WORDS[text]
    if CORE_INTEGER.fullmatch(text):
        return int(text)
    return float(text) if CORE_FLOAT.fullmatch(text) else text


def _number(text: str) -> JSON:
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    digits = text.replace("_", "")
    match = INTEGER.fullmatch(digits) if len(digits) <= LONGEST_INTEGER else None
    if match and match.lastgroup:
        magnitude = int(match[match.lastgroup], BASES[match.lastgroup])
        number = -magnitude if match["sign"] == "-" else magnitude
        if INT64_MIN <= number <= INT64_MAX:
            return number
        if not match["sign"] and number <= UINT64_MAX:
            return float(number)
    if FLOAT.fullmatch(digits):
        return _finite(float(digits), text)
    return text


def _finite(number: float, text: str) -> JSON:
    """The number after its way through JSON: a whole one is an integer; one too large is text."""
    if math.isinf(number):
        return text
    if number.is_integer() and INT64_MIN <= number <= INT64_MAX:
        return int(number)
    return number
