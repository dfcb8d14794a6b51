"""Show what environments.yaml says of each environment, with `defaults` merged in.

Mappings merge key by key, lists replace: what is printed is what counts, as it would be
written without `defaults`. What is said nowhere is Istio's default, and is not printed.

examples:
  meshgate environments
  meshgate environments prod
  meshgate environments prod --format json
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from meshgate import config, source
from meshgate.cli.output import publish
from meshgate.model import JSONObject
from meshgate.pipeline.targets import select_names
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.json import VERSION


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")


def run(options: argparse.Namespace) -> int:
    """Print the entries."""
    entries = config.merged(options.directory)
    names = select_names(list(entries), options.environments)
    publish(FORMATS, [entries[name] for name in names], options)
    return 0


def text(entries: Sequence[JSONObject], options: Options) -> str:  # noqa: ARG001 - plain YAML
    """The entries as a list in YAML, as environments.yaml has them."""
    return source.dump_value(list(entries))


def json(entries: Sequence[JSONObject], options: Options) -> str:  # noqa: ARG001 - as above
    """The entries for a machine."""
    return document(version=VERSION, environments=Rows(entries))


FORMATS = formats.of(text, json)
