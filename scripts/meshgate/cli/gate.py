"""Judge open pull requests once more, and post what they wait for.

For each pull request every guard and gate is asked anew, from the base branch as it is now:
order, soak, windows, evidence, approvals of exactly the head commit. What is found is posted
as the commit statuses promotion/scope, /reproducible, /order, /soak, /window, /effects,
/evidence, and as promotion/gate, which is the one to require. Run it on a schedule: a window
that closes turns a green status back to pending. Labels that got lost are set again, and a
promotion whose release was rejected meanwhile is closed. A pull request that is no promotion
gets promotion/gate alone: it must leave alone what only promotion may write.

Ends with 8 when a guard refuses one of them, with 10 when one only waits. docs/gates.md tells
how gates are configured.

examples:
  meshgate gate --all --forge github
  meshgate gate 42 --forge gitea
  meshgate gate --all --evidence probe=artifacts/probe --expect promotion-check=github-actions
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.evidence_option import evidence_of
from meshgate.cli.forges import forge_of
from meshgate.cli.options import cache_folder
from meshgate.cli.output import publish
from meshgate.cli.progress import Progress
from meshgate.cli.promotions import add_promotion_options
from meshgate.cli.terminal import printable
from meshgate.cli.verdicts import exit_code
from meshgate.errors import UsageError, gravest
from meshgate.promotion.forges import Forge, PullRequest
from meshgate.promotion.report.judged import FORMATS
from meshgate.promotion.session import Clock, session_at
from meshgate.promotion.statuses import (
    ExpectedCheck,
    ExpectedChecks,
    FailedJudgement,
    PostedJudgement,
    gate,
)
from meshgate.promotion.times import duration
from meshgate.repository import Repository, base_branch, fetch, has_remote


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("numbers", nargs="*", type=int, metavar="PR", help="pull requests")
    parser.add_argument("--all", action="store_true", help="every open one, forks' left out")
    add_promotion_options(parser)
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="CONTEXT[=REPORTER]",
        help="a check that another workflow runs on every pull request, and that must be green, by "
        "that account's word; repeatable. Its absence is told with the likely reason",
    )
    parser.add_argument(
        "--expect-within",
        default="15m",
        metavar="TIME",
        help="how long such a check may take to start (default: 15m)",
    )


def run(options: argparse.Namespace) -> int:
    """Judge and post; what was found on standard output."""
    if bool(options.numbers) is options.all:
        raise UsageError("name pull requests, or ask for --all", hint="meshgate gate --all")
    forge = forge_of(options)
    if not forge.hosted:
        raise UsageError(
            f"the forge {forge.name} holds no pull requests",
            why="There is nothing to post a status on; `meshgate merge` judges before it merges.",
            hint="name another one with --forge or MESHGATE_FORGE",
        )
    checks = [text.partition("=") for text in options.expect]
    expected = ExpectedChecks(
        tuple(ExpectedCheck(context, reporter) for context, _, reporter in checks),
        duration(options.expect_within),
    )
    with Repository(options.directory) as repository:
        if has_remote(repository):
            fetch(repository)
        base = base_branch(repository, options.branch)
        session = session_at(
            repository,
            base.commit,
            Clock(today=options.today),
            cache=cache_folder(options),
            engine=options.engine,
            given=evidence_of(options),
            forge=forge,
        )
        outcomes = [gate(session, pull, expected) for pull in wanted(options, forge, base.branch)]
    print_degraded(outcomes)
    judgements = [outcome.judgement for outcome in outcomes if isinstance(outcome, PostedJudgement)]
    publish(
        FORMATS,
        [outcome for outcome in judgements if outcome.environment or outcome.refusals],
        options,
    )
    failed = gravest(
        outcome.error.exit_code for outcome in outcomes if isinstance(outcome, FailedJudgement)
    )
    return failed or exit_code(judgements)


def wanted(options: argparse.Namespace, forge: Forge, base: str) -> list[PullRequest]:
    """The pull requests that were asked for. Raises UsageError for one that is over."""
    with Progress("reading pull requests", 1) as progress:
        if options.all:
            pulls = list(forge.list_open(base))
        else:
            pulls = [forge.get(number) for number in options.numbers]
        progress.step()
    for pull in pulls:
        if pull.state != "open" or pull.base != base:
            raise UsageError(f"{pull.url} is {pull.state}, to {pull.base}; it is not gated")
    return pulls


def print_degraded(outcomes: list[PostedJudgement | FailedJudgement]) -> None:
    """What could not be posted to the forge, and what could not be judged, on standard error."""
    for outcome in outcomes:
        if isinstance(outcome, FailedJudgement):
            print(
                f"meshgate: {outcome.pull.url} was not judged: {printable(str(outcome.error))}",
                file=sys.stderr,
            )
            continue
        pull = outcome.judgement.pull
        url = pull.url if pull is not None else ""
        for reason in outcome.degraded:
            print(f"meshgate: {url}: degraded: {printable(reason)}", file=sys.stderr)
        if outcome.closed:
            print(f"meshgate: {url}: closed, its release was rejected", file=sys.stderr)
