"""Evaluate the CEL expressions that CRDs carry in `x-kubernetes-validations`.

The expressions and their messages are the CRD's own. What Kubernetes adds to CEL, or reads in Go's
way, is registered here: `duration`, `url`, `isURL`, `getScheme`, `substring`
(k8s.io/apiserver/pkg/cel/library).
"""

from __future__ import annotations

import datetime
import logging
import marshal
import re
import sys
import types
from collections.abc import Callable, Hashable
from functools import cache
from typing import TYPE_CHECKING

from meshgate.errors import RuleError
from meshgate.model import JSON, JSONObject
from meshgate.schema import golang

# Its import takes a quarter of a second: `cel_library` does it where a rule is evaluated.
if TYPE_CHECKING:
    import cel

# A rule about the change from the old object to the new one has nothing to say of one file.
TRANSITION = re.compile(r"\boldSelf\b")
# `self.all(key, …)` binds the keys of a map, never its values.
OVER_KEYS = re.compile(r"self\.(all|exists|exists_one)\((\w+),")
# `has(self.a) ? (…) : true` says nothing of a value without that field.
GUARDED = re.compile(r"has\(self\.(\w+)\) \? (\(.*\)) : true", re.DOTALL)
SELF = re.compile(r"\bself\b")
# The library's own `duration` cannot be replaced, so the expression calls another.
DURATION = re.compile(r"\bduration\(")
# How the library introduces what a function said.
FUNCTION_ERROR = re.compile(r"^Function '\w+' error: (Python function call failed: \w+: )?")


class CelRule:
    """One expression, compiled when the first value asks for it."""

    def __init__(self, rule: JSONObject) -> None:
        self.source: str = rule["rule"]
        self.message: str = rule.get("message") or f"fails the rule `{self.source}`"
        over_keys = OVER_KEYS.match(self.source)
        self._over_keys = over_keys is not None and len(SELF.findall(self.source)) == 1
        self._guard = _guard(self.source)
        self._answers: dict[Hashable, str | None] = {}
        self._program: cel.Program | None = None
        self._context: cel.Context | None = None

    @property
    def applies(self) -> bool:
        """Whether it judges an object by itself."""
        return not TRANSITION.search(self.source)

    def refusal(self, value: JSON) -> str | None:
        """Why the value is refused; None where the rule holds."""
        if self._guard is not None and self._guard not in value:
            return None
        key = self._key(value)
        if key in self._answers:
            return self._answers[key]
        answer = self._answers[key] = self._evaluate(value)
        return answer

    def _key(self, value: JSON) -> Hashable:
        """What the answer depends on: equal keys have equal answers."""
        if isinstance(value, dict):
            return tuple(value) if self._over_keys else marshal.dumps(value)
        return marshal.dumps(value) if isinstance(value, list) else (value.__class__, value)

    def _evaluate(self, value: JSON) -> str | None:
        if self._program is None or self._context is None:
            self._program, self._context = compiled(self.source)
        self._context.add_variable("self", value)
        try:
            holds = self._program.execute(self._context)
        # The library raises what the expression's functions raise, and its own errors.
        except Exception as error:  # noqa: BLE001 - an expression without an answer is no pass
            return f"{self.message} ({reason(error)})"
        return None if holds is True else self.message


def _guard(source: str) -> str | None:
    """The field without which the rule holds, if the expression is nothing but that condition."""
    guarded = GUARDED.fullmatch(source)
    if guarded is None:
        return None
    depth = 0
    for index, character in enumerate(guarded[2]):
        depth += (character == "(") - (character == ")")
        if depth == 0 and index < len(guarded[2]) - 1:
            return None  # more than one expression in parentheses
    return guarded[1]


def reason(error: Exception) -> str:
    """The first sentence of an evaluation error, on one line."""
    text = " ".join(str(error).split(". Check")[0].split())
    return FUNCTION_ERROR.sub("", text)


def syntax_fault(expression: str) -> str | None:
    """Why an expression cannot be read; None where it can."""
    try:
        cel_library().compile(expression)
    except Exception as error:  # noqa: BLE001 - the library has no type of its own for it
        return reason(error)
    return None


def compiled(source: str) -> tuple[cel.Program, cel.Context]:
    """The expression with everything it may call. Raises RuleError where it does not compile."""
    library = cel_library()
    try:
        program = library.compile(DURATION.sub("goDuration(", source))
    except Exception as error:
        raise RuleError(
            f"a CRD's rule does not compile: {source}",
            why=reason(error),
            hint="this is a fault of meshgate: its CEL library does not know the expression",
        ) from error
    return program, library.Context({}, FUNCTIONS)


@cache
def cel_library() -> types.ModuleType:
    """The module `cel`, without the command line it brings along.

    Its `__init__` imports that command line, which costs ten times the library itself.
    """
    hollow = sys.modules.setdefault("cel.cli", types.ModuleType("cel.cli"))
    import cel  # noqa: PLC0415 - loaded only where a rule is evaluated

    if sys.modules.get("cel.cli") is hollow:
        del sys.modules["cel.cli"]
    # It logs each error that it also raises.
    logging.getLogger("cel").addFilter(lambda _: False)
    return cel


def _duration(text: str) -> datetime.timedelta:
    # Whole microseconds: what is cut off never lifts a duration over a bound that it is under.
    return datetime.timedelta(microseconds=golang.duration(text) // 1000)


def _url(text: str) -> dict[str, str]:

    scheme = golang.request_uri(text)
    golang.any_url(text)  # the first reading takes a fragment for a part of the path
    return {"scheme": scheme}


def _is_url(text: str) -> bool:

    try:
        golang.request_uri(text)
    except ValueError:
        return False
    return True


def _get_scheme(url: dict[str, str]) -> str:
    return url["scheme"]


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise IndexError(f"substring {start}:{stop} of {len(text)} characters")
    return text[start:stop]


FUNCTIONS: dict[str, Callable[..., JSON]] = {
    "goDuration": _duration,
    "getScheme": _get_scheme,
    "isURL": _is_url,
    "substring": _substring,
    "url": _url,
}
