"""Which changes no run can notice: of types, of what a class forbids, of how much is shown."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import NamedTuple

# None and the members of an enumeration, all that `is` is asked of here, are the same when they
# are equal; the order of their names is nobody's mistake.
IDENTITY = tuple(
    f"core/ReplaceComparisonOperator_{operator}_{other}"
    for operator, same in (("Is", "Eq"), ("IsNot", "NotEq"))
    for other in (same, "Lt", "LtE", "Gt", "GtE")
)
# The same of words: `kind <= "Service"`.
ORDERS = tuple(
    f"core/ReplaceComparisonOperator_{operator}_{other}"
    for operator in ("Eq", "NotEq")
    for other in ("Lt", "LtE", "Gt", "GtE")
)
NUMBER, DECORATOR = "core/NumberReplacer", "core/RemoveDecorator"
# Decorators without which an answer is the same, and only slower.
CACHES = frozenset({"cache", "lru_cache"})


class Span(NamedTuple):
    """From the first character to the one after the last, as line and column."""

    start: tuple[int, int]
    end: tuple[int, int]

    def holds(self, position: tuple[int, int]) -> bool:
        return self.start <= position < self.end


class Unseen:
    """The places of one module where a change is not noticed."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        nodes = list(ast.walk(tree))
        words = set(_words(tree))
        self._anything = [span for node in nodes for span in _silent(node)]
        # How many letters of a digest a sentence shows.
        self._numbers = [_span(node) for node in nodes if isinstance(node, ast.JoinedStr)]
        self._words = [
            _span(node)
            for node in nodes
            if isinstance(node, ast.Compare) and _is_of_words(node, words)
        ]
        self._caches = {
            item.lineno for node in nodes for item in _decorators(node) if _name(item) in CACHES
        }

    def holds(self, operator: str, line: int, column: int) -> bool:
        """Whether nothing can notice what an operator changes at a place."""
        if operator in IDENTITY or (operator == DECORATOR and line in self._caches):
            return True
        spans = [*self._anything]
        spans += self._numbers if operator == NUMBER else []
        spans += self._words if operator in ORDERS else []
        return any(span.holds((line, column)) for span in spans)


def _words(module: ast.Module) -> Iterator[str]:
    """The names of texts of a module: `TOOL = "tool"`."""
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str())):
                yield name
            case _:
                pass


def _is_of_words(comparison: ast.Compare, words: Collection[str]) -> bool:
    """Whether it compares two values of which one is a text."""
    return any(
        (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or (isinstance(side, ast.Name) and side.id in words)
        for side in (comparison.left, *comparison.comparators)
    )


def _silent(node: ast.AST) -> Iterator[Span]:
    """Where nothing that is changed is noticed."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _signature(node.args)
            if node.returns is not None:
                yield _span(node.returns)
        case ast.AnnAssign():
            yield _span(node.annotation)
        # `frozen=True` and the like: what a value must not be used for.
        case ast.ClassDef():
            yield from (_span(keyword) for keyword in node.keywords)
            calls = [item for item in node.decorator_list if isinstance(item, ast.Call)]
            yield from (_span(keyword) for call in calls for keyword in call.keywords)
        # An import for the type checker alone.
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            yield _span(node.test)
        case _:
            pass


def _signature(arguments: ast.arguments) -> Iterator[Span]:
    """The types of arguments, and the star that makes those after it be named."""
    for node in ast.walk(arguments):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield _span(node.annotation)
    if arguments.kwonlyargs and arguments.vararg is None:
        # The star stands between the last thing before it and the first argument after it.
        before: list[ast.expr | ast.arg] = [*arguments.posonlyargs, *arguments.args]
        ends = [_span(each).end for each in (*before, *arguments.defaults)]
        first = _span(arguments.kwonlyargs[0]).start
        # Where nothing is before it, on its line or on the one before.
        yield Span(max(ends, default=(first[0] - 1, 0)), first)


def _decorators(node: ast.AST) -> list[ast.expr]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return node.decorator_list if isinstance(node, functions) else []


def _name(decorator: ast.expr) -> str:
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return inner.attr if isinstance(inner, ast.Attribute) else ast.unparse(inner)


def _span(node: ast.expr | ast.arg | ast.keyword) -> Span:
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return Span((node.lineno, node.col_offset), end)
