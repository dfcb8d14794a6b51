"""A command line that says what was meant by a word it does not know."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

# What other commands have an option for.
NAMED_BY_PLACE = ("--env", "--environment", "--environments")
# What other commands, or other programs, call an option: those it may be here, the first that is.
OTHER_WORDS = {
    "--against": ("--base",),
    "--dir": ("--in", "-C"),
    "--directory": ("--in", "-C"),
    "--dry-run": ("--plan", "--check"),
    "--folder": ("--in", "-C"),
    "--from": ("--in", "--base"),
    "--input": ("--in",),
    "--json": ("--format",),
    "--out": ("--output", "--format"),
    "--repo": ("-C",),
    "--repository": ("-C",),
    "--rule": ("--select",),
    "--since": ("--changed-since", "--base"),
}
Added = TypeVar("Added", bound=argparse.Action)


class Parser(argparse.ArgumentParser):
    """As argparse's own, with the nearest known word in its errors."""

    def _add_action(self, action: Added) -> Added:
        """As argparse does; what may be left out is never told to be required."""
        if action.nargs == argparse.ZERO_OR_MORE:
            action.required = False
        return super()._add_action(action)

    def parse_args(  # type: ignore[override] # only a new namespace is ever filled
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """The options. Ends the process for what it cannot read, as argparse does."""
        given = list(sys.argv[1:] if args is None else args)
        self._refuse_before_command(given)
        options, others = self.parse_known_args(given, namespace)
        if others:
            words = (word.partition("=")[0] for word in others if word.startswith("-"))
            wrong = next(words, "")
            advice = self._by_place(wrong, options) or advised(
                wrong, self._known(options), otherwise=f"see `{self._prog(options)} --help`"
            )
            self.error(f"unrecognized arguments: {' '.join(others)}{advice}")
        return options

    def _refuse_before_command(self, given: Sequence[str]) -> None:
        """End the process for an unknown option that stands before the command.

        argparse would take the option's value for a command, and say that there is none such.
        """
        commands = {name for each in self._subparsers_actions() for name in each.choices}
        first = next((word for word in given if word in commands or word.startswith("--")), "")
        name = first.partition("=")[0]
        known = [name for action in self._actions for name in action.option_strings]
        if commands and name.startswith("--") and not any(each.startswith(name) for each in known):
            self.error(f"unrecognized arguments: {name}{advised(name, known, 'see --help')}")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = list(map(str, action.choices))
            advice = advised(str(value), known)
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{advice}")

    def _known(self, options: argparse.Namespace) -> list[str]:
        """The options of this command line, and of the command that it names."""
        return [
            name
            for parser in (self, *self._chosen(options))
            for action in parser._actions  # noqa: SLF001 - has no public name
            for name in action.option_strings
        ]

    def _subparsers_actions(self) -> Iterator[argparse._SubParsersAction[argparse.ArgumentParser]]:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - has no public name
                yield action

    def _chosen(self, options: argparse.Namespace) -> Iterator[argparse.ArgumentParser]:
        for action in self._subparsers_actions():
            yield action.choices[options.command]

    def _prog(self, options: argparse.Namespace) -> str:
        """The command line so far, as its help is asked for."""
        return next((parser.prog for parser in self._chosen(options)), self.prog)

    def _by_place(self, wrong: str, options: argparse.Namespace) -> str:
        """The advice for `--env` where environments are named without an option."""
        if wrong not in NAMED_BY_PLACE:
            return ""
        for parser in self._chosen(options):
            for action in parser._actions:  # noqa: SLF001 - has no public name
                if not action.option_strings and str(action.metavar).startswith("ENV"):
                    return f"; environments are named without it: `{parser.prog} ENV`"
        return ""


def add_name(
    commands: argparse._SubParsersAction[Parser], name: str, summary: str, parser: Parser
) -> None:
    """Name a command that the line does not hold: in the help, and among what may be meant.

    `parser` serves all of them: one for each takes a quarter of a millisecond.
    """
    # argparse has no public name for either.
    commands._choices_actions.append(  # noqa: SLF001
        commands._ChoicesPseudoAction(name, (), summary)  # noqa: SLF001
    )
    commands._name_parser_map[name] = parser  # noqa: SLF001


def advised(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """What follows the error of an unknown word: which was meant, or those that are known."""
    from meshgate.wording.nearest import MEANT, hint  # noqa: PLC0415 - --help waits for no model

    names = list(known)
    meant = next((each for each in OTHER_WORDS.get(word, ()) if each in names), None)
    return f"; {MEANT} `{meant}`?" if meant else f"; {hint(word, names, otherwise)}"
