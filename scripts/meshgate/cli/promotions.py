"""What the commands of promotion share: how they are called, and what they print."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshgate.cli.evidence_option import add_evidence_option, evidence_of
from meshgate.cli.forges import add_forge_option, forge_of
from meshgate.cli.options import add_branch, add_engine, cache_folder
from meshgate.cli.output import STEP_SUMMARY, append, publish
from meshgate.promotion.forges import Forge
from meshgate.promotion.page import PageContents, page_contents, render
from meshgate.promotion.prepare import PreparedCommit
from meshgate.promotion.promote import PromoteOptions
from meshgate.promotion.pull_request import PullRequestResult
from meshgate.promotion.report.proposal import FORMATS, ProposalReport
from meshgate.promotion.session import Clock, Session, open_session
from meshgate.report import budget
from meshgate.repository import Repository

# Who started the job, and where it can be seen, by the runner.
ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")


def add_promotion_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that reads the base branch and asks a forge."""
    add_branch(parser)
    add_forge_option(parser)
    add_engine(parser)
    add_evidence_option(parser)


def add_reason(parser: argparse.ArgumentParser, of: str) -> None:
    """The reason, without which nothing of this sort is done."""
    parser.add_argument("--reason", required=True, metavar="TEXT", help=f"why {of}; is recorded")


def add_direct(parser: argparse.ArgumentParser) -> None:
    """The break-glass way."""
    parser.add_argument(
        "--direct",
        action="store_true",
        help="push to the base branch at once, without a pull request",
    )


def add_promote_options(parser: argparse.ArgumentParser) -> None:
    """What may be asked of a promotion."""
    parser.add_argument(
        "--release",
        metavar="RELEASE",
        default="",
        help="an id (r-...), an alias (2026-08-22.3) or a commit; default: the newest possible",
    )
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; is recorded")
    parser.add_argument(
        "--resources",
        metavar="N",
        type=int,
        help="accept that exactly N resources are left, where more than 30 %% would go",
    )
    parser.add_argument(
        "--supersede-hotfix",
        metavar="REASON",
        default="",
        help="what an open hotfix set and this release lacks is over, for this reason",
    )


def promote_options(options: argparse.Namespace) -> PromoteOptions:
    """What was asked for."""
    return PromoteOptions(
        release=options.release,
        resources=options.resources,
        forgive=options.supersede_hotfix,
        reason=options.reason,
    )


@contextlib.contextmanager
def session_of(options: argparse.Namespace) -> Iterator[Session]:
    """The base branch as it is now."""
    forge = forge_of(options)
    inside = os.environ.get("CI") == "true"
    with open_session(
        options.directory,
        Clock(today=options.today),
        forge,
        branch=options.branch,
        cache=cache_folder(options),
        engine=options.engine,
        given=evidence_of(options),
        login=login(options, forge),
        via="ci" if inside else "cli",
        run=run_address() if inside else None,
    ) as session:
        yield session


def login(options: argparse.Namespace, forge: Forge) -> str:
    """Who asks: who started the job, the account of the token, or git's own user."""
    for name in ACTORS:
        if actor := os.environ.get(name):
            return actor
    if forge.hosted:
        return forge.login()
    with Repository(options.directory) as repository:
        return repository.config("user.name") or os.environ.get("GIT_AUTHOR_NAME", "unknown")


def run_address() -> str | None:
    """Where this job's log is."""
    if job := os.environ.get("CI_JOB_URL"):
        return job
    parts = [os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(parts):
        return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}"
    return None


def print_plan(session: Session, prepared: PreparedCommit, options: argparse.Namespace) -> None:
    """Print what would be proposed."""
    page = page_contents(session, prepared, prepared.record, prepared.transition.state)
    proposal = ProposalReport(page, prepared.judgement.refusals, limit=session.forge.body_limit)
    publish(FORMATS, [proposal], options)
    summarize([page])


def print_proposals(
    session: Session, results: Sequence[PullRequestResult], options: argparse.Namespace
) -> None:
    """Print what was proposed."""
    limit = session.forge.body_limit
    proposals = [
        ProposalReport(
            page_contents(session, result.prepared, result.record, result.state, result.notes),
            result.prepared.judgement.refusals,
            result=result,
            limit=limit,
        )
        for result in results
    ]
    publish(FORMATS, proposals, options)
    summarize([proposal.contents for proposal in proposals])


def summarize(pages: Sequence[PageContents]) -> None:
    """Inside Actions, the whole pages in the job's summary: a forge may take only a part of one."""
    if summary := os.environ.get(STEP_SUMMARY):
        for page in pages:
            append(Path(summary), render(page, budget.STEP_SUMMARY))
