"""Write down what somebody saw in a cluster: the evidence that gates wait for.

`add` writes one observation to promotion/evidence/ENV/REPORTER/, to be committed and merged
like any file (CODEOWNERS says who vouches for that reporter's folder). With --output it goes
to a folder that a CI job keeps as its artifact; `gate`, `plan` and `merge` read that with
--evidence REPORTER=DIR. Who is believed is for environments.yaml to say, never for the file.

It is bound to what the environment has now: the tree of rendered/ENV on the base branch, or
the release on main where the environment is floating.

examples:
  meshgate evidence add staging --type synced --cluster eu --result pass --reporter flux
  meshgate evidence add staging --type traffic --cluster eu --result fail --output out/
    with --number plaintext=12 --window 30m --url https://grafana.example/d/1
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from meshgate.cli.options import add_branch
from meshgate.cli.output import write
from meshgate.cli.terminal import printable
from meshgate.errors import UsageError
from meshgate.promotion import evidence
from meshgate.promotion.deployments import status_of
from meshgate.promotion.evidence import Observation
from meshgate.promotion.session import Clock, session_at
from meshgate.repository import Repository, base_branch

OPTION = "--evidence"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("action", choices=("add",))
    parser.add_argument("environment", metavar="ENV")
    parser.add_argument(
        "--type", required=True, metavar="TYPE", help="what was looked at: synced, traffic, probe…"
    )
    parser.add_argument("--cluster", required=True, metavar="NAME")
    parser.add_argument("--result", required=True, choices=(evidence.PASS, evidence.FAIL))
    parser.add_argument(
        "--reporter", metavar="NAME", help="whose folder it goes to; needed without --output"
    )
    parser.add_argument(
        "--observed-at",
        metavar="TIME",
        help="when the observation ended, with its offset: 2026-08-01T09:00:00Z (default: now)",
    )
    parser.add_argument("--window", default="", metavar="TIME", help="how long it took, as 30m")
    parser.add_argument(
        "--number", action="append", default=[], metavar="NAME=N", help="a count; repeatable"
    )
    parser.add_argument("--url", default="", help="where a person can look")
    add_branch(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="write it there instead")


def run(options: argparse.Namespace) -> int:
    """Write one observation; its path on standard output."""
    if options.output is None and not options.reporter:
        raise UsageError(
            "whose evidence is it?",
            why="A file of the repository is its folder's word.",
            hint="add --reporter NAME, or --output DIR for an artifact",
        )
    observation = observed(options)
    content = evidence.written(observation)
    # What is written here must be readable there.
    evidence.read(content.encode(), reporter=options.reporter or "", file="the evidence")
    folder: Path = options.output or (
        options.directory / evidence.FOLDER / observation.environment / options.reporter
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / evidence.file_name(observation)
    write(file, content)
    what = (
        f"{observation.type} {observation.result} in {observation.cluster}, "
        f"of {observation.subject}"
    )
    print(f"{printable(str(file))}: {what}")
    return 0


def observed(options: argparse.Namespace) -> Observation:
    """The observation that the options tell, bound to what the environment has now."""
    clock = Clock()
    with Repository(options.directory) as repository:
        session = session_at(repository, base_branch(repository, options.branch).commit, clock)
        deployment = status_of(session, options.environment).current
    if deployment is None:
        raise UsageError(
            f"{options.environment} has no release yet, so that nothing can be seen of it",
            hint=f"run `meshgate adopt {options.environment}` first",
        )
    return Observation(
        version=evidence.VERSION,
        type=options.type,
        environment=options.environment,
        cluster=options.cluster,
        observed_at=_time(options.observed_at) if options.observed_at else clock.now,
        result=options.result,
        tree=deployment.tree,
        release="" if deployment.tree else deployment.release,
        window=options.window,
        numbers=dict(_number(text) for text in options.number),
        url=options.url,
    )


def _time(text: str) -> datetime.datetime:
    try:
        deployment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--observed-at {text}: {error}") from error
    if deployment.tzinfo is None:
        raise UsageError(
            f"--observed-at {text} has no offset from UTC", hint="add Z, or one such as +02:00"
        )
    return deployment


def _number(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError as error:
        raise UsageError(f"--number {text}: write it as NAME=N") from error
    return name, int(number) if number.is_integer() else number
