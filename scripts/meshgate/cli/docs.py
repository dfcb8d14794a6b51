"""Write what is generated from the code: pages of docs/, JSON Schemas (`nox -s docs`)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshgate.cli import COMMANDS, parser_for
from meshgate.cli.reference import environments_page, outputs_page
from meshgate.config.documents import DOCUMENTS
from meshgate.config.schemas import schema_text
from meshgate.config.shape import schema, schema_files
from meshgate.mesh.coverage import TABLE, Coverage, CoverageColumn
from meshgate.promotion.evidence import EVIDENCE_DOCUMENTS
from meshgate.promotion.guards import GUARDS
from meshgate.promotion.records import KEYS, LEDGER_DOCUMENTS
from meshgate.promotion.report.guards_page import guards_page
from meshgate.rules import RULES
from meshgate.rules.pages import rule_pages

HELP_COLUMNS = "88"

READ = """\
# What is read

meshgate says what becomes of a call from files alone, and no verdict rests on what it did not read.
Every kind of object is one of three things: modelled; not read, so that what it covers is
undecided, with the object named as the reason; or irrelevant, since no call depends on it. A kind
that is not here is reported (SH011), and so is each object that leaves calls undecided (CA010).

A call that fails by what is modelled fails all the same: a policy that is not read may refuse more,
it mends nothing."""
COLUMNS = {
    CoverageColumn.MODELLED: "Modelled",
    CoverageColumn.UNDECIDED: "Makes calls undecided",
    CoverageColumn.IRRELEVANT: "Irrelevant",
}


def pages() -> dict[str, str]:
    """Every generated file: its path in the repository, and its text."""
    written = own_schemas()
    return {
        "docs/cli.md": command_line(),
        "docs/environments-yaml.md": environments_page(json.loads(written["environments"])),
        "docs/guards.md": guards_page(GUARDS),
        "docs/json.md": outputs_page(
            {name: schema(name) for name in schema_files()}
            | {name: json.loads(text) for name, text in written.items()}
        ),
        "docs/what-is-read.md": what_is_read(TABLE),
        **{f"docs/rules/{name}": text for name, text in rule_pages(RULES).items()},
        **{f"schemas/meshgate/{name}.schema.json": text for name, text in written.items()},
    }


def own_schemas() -> dict[str, str]:
    """The schemas that are made of classes, by name."""
    return {
        name: schema_text(name, document, title)
        for name, (document, title) in {**DOCUMENTS, **EVIDENCE_DOCUMENTS}.items()
    } | {
        name: schema_text(name, document, title, complete=True, keys=KEYS.get(name, ()))
        for name, (document, title) in LEDGER_DOCUMENTS.items()
    }


def command_line() -> str:
    """The command reference, from the parsers themselves."""
    os.environ["COLUMNS"] = HELP_COLUMNS
    parts = ["# Command line\n", contents(COMMANDS), fenced(parser_for([]).format_help())]
    for name in COMMANDS:
        parts += [f"## meshgate {name}\n", fenced(help_of(name))]
    return "\n".join(parts)


def contents(commands: Iterable[str]) -> str:
    """Links to the commands, in the order of the page."""
    return " · ".join(f"[{name}](#meshgate-{name})" for name in commands) + "\n"


def help_of(command: str) -> str:
    """What `meshgate COMMAND --help` prints."""
    parser = parser_for([command])
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to a subparser
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no other way
            return str(action.choices[command].format_help())
    raise LookupError(command)


def what_is_read(table: Iterable[Coverage]) -> str:
    """The page that says of every kind what is made of it."""
    parts = [READ]
    for column, title in COLUMNS.items():
        parts.append(f"## {title}\n\n| Kind | API group | |\n|---|---|---|")
        parts[-1] += "".join(
            f"\n| {'every other kind' if row.kind == '*' else row.kind} "
            f"| {row.group or 'core'} | {row.about} |"
            for row in table
            if row.column is column
        )
    return "\n\n".join(parts) + "\n"


def fenced(text: str) -> str:
    """The text as a Markdown code block."""
    return f"```text\n{text.rstrip()}\n```\n"


def stale(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Files that are missing, differ, or belong to a rule that is gone."""
    present = {f"docs/rules/{file.name}" for file in (root / "docs/rules").glob("*.md")}
    differing = {name for name, text in wanted.items() if current(root / name) != text}
    return sorted(differing | (present - set(wanted)))


def current(file: Path) -> str | None:
    """What a file says now."""
    return file.read_text(encoding="utf-8") if file.is_file() else None


def main() -> int:
    """Write the files, or with `--check` only compare."""
    root = Path()
    wanted = pages()
    outdated = stale(root, wanted)
    if "--check" in sys.argv[1:]:
        for name in outdated:
            print(f"{name} is not what the code says; run `nox -s docs`", file=sys.stderr)
        return int(bool(outdated))
    for name in outdated:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name in wanted:
            file.write_text(wanted[name], encoding="utf-8")
        else:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
