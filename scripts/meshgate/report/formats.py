"""The formats of an answer, by name: one way to register them, for every command.

A format is a function named after it (`of(text, json, markdown)`), or the function `render` of the
module of that name, which is imported when it is first asked for (`modules(__name__, "text")`).
Every answer with findings has the formats of findings too, beside its own: see `report/effect`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

# For types alone: `--help` needs this package for its escaping, and starts in a third of the time.
if TYPE_CHECKING:
    from meshgate.model import JSON
    from meshgate.rules.rule import Rule

T = TypeVar("T")
DEFAULT_WIDTH = 100


class Options(NamedTuple):
    """How a report is to look."""

    color: bool = False
    width: int = DEFAULT_WIDTH  # columns of the terminal
    version: str = ""
    # The catalogue, for formats that explain the rules.
    rules: tuple[Rule, ...] = ()
    # Whether waived findings are shown, not only counted.
    verbose: bool = False
    # Whether all that follows from a finding is shown, not the first of it.
    follow_ups: bool = False
    # Where rule pages are hosted, with `{id}` in it (`links.rules`); empty: nowhere.
    rule_link: str = ""

    def rule_page(self, rule: str) -> str:
        """Where a reader finds the page of a rule: an address, or the command that prints it."""
        if self.rule_link:
            return self.rule_link.replace("{id}", rule)
        return f"`meshgate rules {rule}`"


# Writes one value; and all values of an answer.
Renderer: TypeAlias = Callable[[T, Options], str]
Formats: TypeAlias = dict[str, Callable[[Sequence[T], Options], str]]


def of(*functions: Callable[[Sequence[T], Options], str]) -> Formats[T]:
    """These functions by their names."""
    return {function.__name__: function for function in functions}


def modules(package: str, *names: str) -> Formats[JSON]:
    """The modules of these names in a package, each of which renders one value."""
    return {name: each(module(f"{package}.{name}")) for name in names}


def module(path: str) -> Renderer[JSON]:
    """The function `render` of a module that is imported when it is first called."""

    def render(value: object, options: Options) -> str:
        return str(importlib.import_module(path).render(value, options))

    return render


def each(render: Renderer[T]) -> Callable[[Sequence[T], Options], str]:
    """One value after the other."""
    return lambda values, options: "".join(render(value, options) for value in values)
