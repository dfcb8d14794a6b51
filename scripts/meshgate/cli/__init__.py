"""Parse the command line, run one command, turn its end into an exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from meshgate import __version__, interrupts
from meshgate.cli.command_line import Parser, add_name
from meshgate.cli.help_text import Help
from meshgate.cli.options import add_common_options, settle, written_by
from meshgate.cli.terminal import printable
from meshgate.errors import BuildError, MeshgateError, UsageError

PACKAGE = "meshgate"
BROKEN_PIPE = 141
# How much of a path is shown.
SHOWN = 200
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# name: what `meshgate --help` says of it. The module of the same name is imported only to run it:
# a help text must not wait for a YAML parser.
COMMANDS = {
    "validate": "render, check and judge every environment of this repository",
    "merge-reports": "put the reports of shards together",
    "lint": "judge any manifests: files, folders, a cluster dump, standard input",
    "render": "print what is judged",
    "environments": "show every environment with what `defaults` says",
    "posture": "tell what every server port accepts, and which policy decides it",
    "calls": "tell what every client sends to every service port, and what happens",
    "diff": "tell what a change does to calls and ports, and whether the way there is safe",
    "steps": "find the safe steps to an unsafe change",
    "who-can": "tell which clients get in at a service, and by what identity",
    "explain": "tell one call step by step",
    "traffic": "write down the calls that Istio's metrics have seen",
    "verify": "tell whether a cluster is what was reviewed",
    "inventory": "write down what runs in a cluster",
    "sync": "write the objects that point clusters at this repository",
    "baseline": "write down the findings of today, so that only new ones fail",
    "report": "write the page that people look at: posture, calls, findings",
    "tables": "write the mesh as tables, for SQL and notebooks",
    "query": "ask the tables in SQL, or by the name of a question",
    "status": "show how every environment stands, and what waits for what",
    "history": "tell what was enforced when, and by whose word",
    "adopt": "give a pinned environment its first state",
    "plan": "tell what a promotion would do, and write nothing",
    "promote": "propose the next release of an environment as a pull request",
    "check": "judge a pull request from files alone",
    "gate": "judge open pull requests, and post what they wait for",
    "merge": "judge a promotion once more, and merge exactly that commit",
    "local": "open, review and merge on the forge `local`, as somebody",
    "rollback": "propose to put an environment back to what it had",
    "hotfix": "propose a repair that skips environments",
    "hold": "stop the line: nothing enters an environment",
    "resume": "let promotions enter an environment again",
    "reject": "refuse a release from an environment on",
    "record": "tag what was merged, with who approved it",
    "evidence": "write down what was seen in a cluster",
    "audit": "prove that what clusters sync is what was reviewed",
    "rules": "list the rules, or explain one",
    "schema": "print the JSON Schema of a file or an answer",
    "doctor": "tell what a run uses, and what is missing or would be faster",
    "completion": "print what completes commands and options in a shell",
    "init": "make a new policy repository that validates at once",
    "schemas": "regenerate the schemas this version carries",
}

DESCRIPTION = """\
Judge service-mesh mutual TLS policy from files, as Istio decides it.

Start with `meshgate validate` in a policy repository, or `meshgate lint FILE`
on any manifests. `meshgate COMMAND --help` tells more."""

EXIT_CODES = """\
exit codes:
  0 clean                        7 git, forge or server failure
  1 findings at or above         8 refused by a promotion guard
    --fail-on                    9 nothing to promote
  2 usage or configuration      10 waiting for a gate
  3 an overlay does not build   11 integrity broken
  4 a needed tool is missing    70 internal error
  5 nothing to check           130 interrupted
  6 a kind without schema"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    Never calls `sys.exit` for a run, and raises nothing but KeyboardInterrupt.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A manifest may say what the terminal's encoding cannot.
            stream.reconfigure(errors="backslashreplace")
    parser = parser_for(arguments)
    if not arguments:
        # No run, so no pass: a job whose command is an empty variable must not be green.
        parser.print_help(sys.stderr)
        return UsageError.exit_code
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:  # argparse ends on --help and on usage errors
        return int(end.code or 0)
    # What meshgate does, and not what its libraries do.
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
    verbose = vars(options).get("verbose")
    logging.getLogger(PACKAGE).setLevel(logging.DEBUG if verbose else logging.WARNING)
    try:
        settle(options)
        module = _module(options.command)
        options.outputs = written_by(options.command, formats_of(module), options.outputs)
        code: int = module.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, `less`) has gone; stop Python from saying so once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (MeshgateError, OSError, RecursionError) as error:
        interrupts.check()
        print(printable(f"meshgate: {_error_text(error)}"), file=sys.stderr)
        return error.exit_code if isinstance(error, MeshgateError) else BuildError.exit_code
    except Exception:  # noqa: BLE001 - the last line of defence: an unknown error is never a pass
        interrupts.check()
        traceback.print_exc()
        print("meshgate: internal error; please report it with the text above", file=sys.stderr)
        return MeshgateError.exit_code
    return code


def _error_text(error: MeshgateError | OSError | RecursionError) -> str:
    """What a person reads of an error, also of the machine's: a full disk, a path too long."""
    if isinstance(error, MeshgateError):
        return str(error)
    if isinstance(error, RecursionError):
        return "something is nested more deeply than can be read"
    name = str(error.filename or "")
    named = f"{name[:SHOWN]}..." if len(name) > SHOWN else name
    if not name and error.errno in FULL:
        import tempfile  # noqa: PLC0415 - of this error alone

        # What is written has no name to the system then.
        return f"{tempfile.gettempdir()}, or where output goes: {error.strerror}"
    return f"{named or 'this machine'}: {error.strerror or type(error).__name__}"


def parser_for(arguments: Sequence[str]) -> Parser:
    """The parser, with options for the one command that `arguments` name."""
    parser = Parser(
        prog="meshgate",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"meshgate {__version__}")
    add_common_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    others = Parser(add_help=False)
    for name, summary in COMMANDS.items():
        if name in arguments:
            add_command(commands, name, summary)
        else:
            add_name(commands, name, summary, others)
    return parser


def _module(command: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"meshgate.cli.{command.replace('-', '_')}")


def formats_of(module: ModuleType) -> tuple[str, ...]:
    """The formats that a command writes, `text` among them where it writes for people."""
    own = vars(module)
    if "publish_report" in own:
        from meshgate.report import FORMATS  # noqa: PLC0415 - such a command has it already

        return tuple(dict.fromkeys((*own.get("FORMATS", ()), *FORMATS)))
    if "print_proposals" in own or "print_plan" in own:
        from meshgate.promotion.report.proposal import (  # noqa: PLC0415 - likewise
            FORMATS as PROPOSALS,
        )

        return tuple(PROPOSALS)
    return tuple(own.get("FORMATS", ("text",)))


def add_command(
    commands: argparse._SubParsersAction[Parser], name: str, summary: str
) -> argparse.ArgumentParser:
    """Add one command with all its options; its module's docstring is its help."""
    module = _module(name)
    command = commands.add_parser(
        name,
        help=summary,
        description=module.__doc__,
        formatter_class=Help,
    )
    module.configure(command)
    add_common_options(command, formats_of(module))
    return command
