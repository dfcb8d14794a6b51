"""`--evidence`: what reporters saw in clusters, as a CI job hands it over."""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate.errors import UsageError
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.session import given_evidence

OPTION = "--evidence"


def add_evidence_option(parser: argparse.ArgumentParser) -> None:
    """Evidence from outside the repository, for the commands that judge."""
    parser.add_argument(
        OPTION,
        action="append",
        default=[],
        metavar="REPORTER=DIR",
        help="a folder of evidence, and whose word it is; repeatable. Name only what a job that "
        "you trust has made",
    )


def evidence_of(options: argparse.Namespace) -> tuple[Evidence, ...]:
    """The evidence of `--evidence`. Raises UsageError."""
    folders = {}
    for text in options.evidence:
        reporter, equals, folder = text.partition("=")
        if not reporter or not equals or not folder:
            raise UsageError(f"{OPTION} {text}: write it as REPORTER=DIR")
        if reporter in folders:
            raise UsageError(f"{OPTION} names {reporter!r} twice")
        folders[reporter] = Path(folder)
    return given_evidence(folders)
