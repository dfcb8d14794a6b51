"""Write the pages that are generated: rules, guards and the command line (`nox -s docs`)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from meshgate.cli import COMMANDS, parser_for
from meshgate.promotion.guards import GUARDS
from meshgate.promotion.guards.pages import guards_page
from meshgate.rules import RULES
from meshgate.rules.pages import rule_pages

HELP_COLUMNS = "88"


def pages() -> dict[str, str]:
    """Every generated page: its path below `docs/`, and its text."""
    return {
        "cli.md": command_line(),
        "guards.md": guards_page(GUARDS),
        **{f"rules/{name}": text for name, text in rule_pages(RULES).items()},
    }


def command_line() -> str:
    """The command reference, from the parsers themselves."""
    os.environ["COLUMNS"] = HELP_COLUMNS
    parts = ["# Command line\n", fenced(parser_for([]).format_help())]
    for name in COMMANDS:
        parts += [f"## meshgate {name}\n", fenced(help_of(name))]
    return "\n".join(parts)


def help_of(command: str) -> str:
    """What `meshgate COMMAND --help` prints."""
    parser = parser_for([command])
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to a subparser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return str(action.choices[command].format_help())
    raise LookupError(command)


def fenced(text: str) -> str:
    """The text as a Markdown code block."""
    return f"```text\n{text.rstrip()}\n```\n"


def stale(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Pages that are missing, differ, or belong to a rule that is gone."""
    kept = {f"rules/{file.name}" for file in (folder / "rules").glob("*.md")}
    differing = {name for name, text in wanted.items() if current(folder / name) != text}
    return sorted(differing | (kept - set(wanted)))


def current(file: Path) -> str | None:
    """What a page says now."""
    return file.read_text(encoding="utf-8") if file.is_file() else None


def main() -> int:
    """Write the pages, or with `--check` only compare."""
    folder = Path("docs")
    wanted = pages()
    outdated = stale(folder, wanted)
    if "--check" in sys.argv[1:]:
        for name in outdated:
            print(f"docs/{name} is not what the code says; run `nox -s docs`", file=sys.stderr)
        return int(bool(outdated))
    for name in outdated:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name in wanted:
            file.write_text(wanted[name], encoding="utf-8")
        else:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
