"""Regular expressions as RE2 reads them, as far as Python can tell."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

from meshgate.wording.phrases import shown

MAX_LENGTH = 1024
MAX_REPEAT = 1000

TOKEN = re.compile(r"(\\.)|(\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\])|.", re.DOTALL)
# What Python knows and RE2 does not: looking around, back references by name, atomic groups,
# comments, conditions, possessive quantifiers.
NOT_RE2 = re.compile(r"\(\?(?:[=!>#(]|<[=!]|P=|P>)|(?:[*+?]|\{\d+(?:,\d*)?\})\+")
# A quantifier with nothing before it.
BARE = re.compile(r"(?:^|\|)[*+?]|\([*+]")
# What RE2 knows and Python does not: of these expressions nothing can be said.
ONLY_RE2 = re.compile(r"\(\?<[A-Za-z]|\(\?[a-zA-Z]*-?[a-zA-Z]*[):]")
ONLY_RE2_ESCAPES = frozenset("pPQEzC0123456789x")
PYTHON_ESCAPES = frozenset("ZNuU")
REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


@lru_cache(maxsize=4096)
def regex_fault(expression: str) -> str | None:
    """What RE2 refuses, or None. An expression that only RE2 can judge passes."""
    if len(expression.encode("utf-8", "surrogatepass")) > MAX_LENGTH:
        return f"the expression is longer than {MAX_LENGTH} characters"
    bones, escapes = _skeleton(expression)
    fault = None
    if NOT_RE2.search(bones) or escapes & PYTHON_ESCAPES:
        fault = "uses what RE2 does not know, such as looking around"
    elif any(int(number or 0) > MAX_REPEAT for both in REPEAT.findall(bones) for number in both):
        fault = f"repeats more than {MAX_REPEAT} times"
    elif BARE.search(bones):
        fault = "repeats nothing: a quantifier needs something before it"
    elif not (ONLY_RE2.search(bones) or escapes & ONLY_RE2_ESCAPES):
        fault = _python_fault(expression)
    return None if fault is None else f"{shown(expression)} {fault}"


def _python_fault(expression: str) -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what a later Python may read otherwise
            re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        if str(error).startswith("nothing to repeat"):
            return None  # RE2 lets an anchor be repeated
        return f"is no regular expression: {error}"
    return None


def _skeleton(expression: str) -> tuple[str, set[str]]:
    """The expression with `_` for each escape and class; the letters escaped outside of classes."""
    bones = ""
    escapes = set()
    for token in TOKEN.finditer(expression):
        if token[1]:
            escapes.add(token[1][1])
        bones += "_" if token[1] or token[2] else token[0]
    return bones, escapes
