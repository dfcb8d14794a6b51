"""Print one of meshgate's own JSON Schemas: of a file that it reads, or of JSON that it writes.

Without a name, lists them. What a command writes keeps its shape while `version` is 1: fields
are added, never taken away or given another meaning.

examples:
  meshgate schema
  meshgate schema environments > environments.schema.json
  meshgate schema findings
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from meshgate.cli.output import publish
from meshgate.config.shape import schema, schema_files
from meshgate.errors import UsageError
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.json import VERSION
from meshgate.wording.nearest import hint


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="default: list them all")


def run(options: argparse.Namespace) -> int:
    """Print the list, or one schema as the file that it is. Raises UsageError."""
    files = schema_files()
    if options.name is None:
        publish(FORMATS, list(files), options)
        return 0
    if options.name not in files:
        raise UsageError(
            f"there is no schema {options.name!r}",
            hint=hint(options.name, files, "`meshgate schema` lists them"),
        )
    print(files[options.name].read_text(encoding="utf-8"), end="")
    return 0


def text(names: Sequence[str], _options: Options) -> str:
    """A line each: the name, and what has this shape."""
    width = max(map(len, names))
    return "".join(f"{name:<{width}}  {schema(name)['title']}\n" for name in names)


def json(names: Sequence[str], _options: Options) -> str:
    """The list for a machine."""
    rows = [
        {"name": name, "title": schema(name)["title"], "id": schema(name)["$id"]} for name in names
    ]
    return document(version=VERSION, schemas=Rows(rows))


FORMATS = formats.of(text, json)
