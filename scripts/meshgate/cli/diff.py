"""Tell what a change does to real calls and ports, and whether the way there is safe.

Both revisions are rendered with their own inventory, and compared call by call: which ports
get stronger or weaker, which calls turn to mTLS or to plaintext, break or are shut out, what a
deleted policy uncovers, and whether calls fail while proxies get the change one by one.

Compared is what your working tree holds with the commit where it left the default branch; on
the default branch itself these are your uncommitted changes. In CI that is what a pull request
does. Nothing is checked out: the other revision is read from git.

With two environments of environments.yaml it tells what is different in the second one.
Exit code 1 for an error finding (TR001-TR004); `meshgate rules TR001` explains each.

examples:
  meshgate diff                              what this branch does, to every environment
  meshgate diff --env prod                   to one of them
  meshgate diff --base HEAD~1 --head HEAD    what the last commit did
  meshgate diff staging prod                 what is different in prod
  meshgate diff --format markdown            the comment for a pull request
  meshgate diff --comment 12                 the same, kept up to date on pull request 12
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from pathlib import Path

from meshgate.cli.forges import add_forge_option, forge_of
from meshgate.cli.options import add_judging, add_processes, add_sides, add_traffic
from meshgate.cli.output import publish, style
from meshgate.cli.progress import track
from meshgate.cli.request import environments_of, folder, load, pool, print_failures, settings
from meshgate.effect import effect
from meshgate.effect.comparable import HINT, is_comparable
from meshgate.errors import UsageError, gravest
from meshgate.pipeline import judge
from meshgate.pipeline.change import ProposedChange
from meshgate.pipeline.outcome import notes_on_verdicts
from meshgate.pipeline.reports import (
    beyond_findings,
    exit_code,
    failures_of,
    report_of,
    undecided_changes,
)
from meshgate.pipeline.revisions import GitRevisions
from meshgate.pipeline.unchanged import Judges
from meshgate.report.effect import FORMATS, Compared, Diff
from meshgate.report.effect.markdown import render

PAIR = 2
# By which a run finds its own comment again.
MARKER = "<!-- meshgate-diff -->"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "environments", nargs="*", metavar="ENV_A ENV_B", help="two environments to compare"
    )
    add_sides(parser)
    add_traffic(parser)
    parser.add_argument(
        "--comment",
        metavar="NUMBER",
        type=int,
        help="keep one comment on this pull request up to date with what its change does",
    )
    add_forge_option(parser)
    add_processes(parser)
    add_judging(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, and print what was asked for."""
    if options.environments:
        return drift(options)
    with tempfile.TemporaryDirectory(prefix="meshgate-") as temporary:
        revisions = GitRevisions.of(
            options.directory, options.base, options.head, Path(temporary), whole=False
        )
        return change(options, revisions)


def drift(options: argparse.Namespace) -> int:
    """What is different in the second of two environments."""
    asked = (options.base, options.head, options.env, options.traffic, options.comment)
    if len(options.environments) != PAIR or any(asked):
        raise UsageError(
            "`meshgate diff ENV_A ENV_B` takes two environments and no revision",
            hint="name a revision with --base, and one environment of it with --env",
        )
    first, second = (environments_of(options, [name])[0] for name in options.environments)
    files = folder(options)
    judged = judge([first, second], files, settings(options))
    compared: list[Compared] = []
    notes: list[str] = []
    if all(each.context is not None for each in judged.values()):
        before, after = judged[first.name].mesh_by(second.names), judged[second.name].mesh
        if is_comparable(before, after):
            difference = effect(before, after, expected=second.expectations)
            name = f"{first.name} to {second.name}"
            compared.append(Compared(name, difference, files.locate, files.locate))
        else:
            notes.append(
                f"nothing here is comparable: no workload of {second.name} has the namespace and "
                f"name of one of {first.name}; {HINT}"
            )
    failures = failures_of(judged)
    findings = [finding for each in judged.values() for finding in each.on_sources]
    shown = beyond_findings(failures, judged)
    undecided = undecided_changes([each.effect for each in compared], options.fail_on)
    report = report_of(findings, (), files.locate, [*notes, *undecided], shown)
    publish(FORMATS, [Diff(first.name, second.name, compared, report, is_drift=True)], options)
    print_failures(shown)
    code = exit_code(findings, failures.values(), options.fail_on)
    return gravest([code, int(bool(undecided))])


def change(options: argparse.Namespace, revisions: GitRevisions) -> int:
    """What lies between two revisions."""
    proposed = ProposedChange(
        revisions,
        options.env,
        functools.partial(folder, options),
        settings(options),
        options.traffic,
        load=load,
        spare=True,
        judges=Judges(options.jobs, pool, track) if options.jobs > 1 else None,
    )
    names = [environment.name for environment in proposed.wanted]
    diffs = proposed.diffs()
    findings = [*proposed.on_sources, *(finding for each in diffs for finding in each.findings)]
    failures = proposed.failures
    shown = beyond_findings(failures, names)
    verdicts = [each.verdict for each in diffs]
    undecided = undecided_changes([each.effect for each in diffs], options.fail_on)
    report = report_of(
        findings,
        [each.tally for each in verdicts],
        proposed.after_files.locate,
        [*proposed.notes, *notes_on_verdicts(verdicts), *undecided],
        shown,
    )
    before, now = proposed.before_files.locate, proposed.after_files.locate
    compared = [
        Compared(each.verdict.environment, each.effect, before, now, each.replayed)
        for each in diffs
    ]
    diff = Diff(revisions.base, revisions.head, compared, report)
    publish(FORMATS, [diff], options)
    if options.comment:
        comment(diff, options)
    print_failures(shown)
    code = exit_code(findings, failures.values(), options.fail_on)
    return gravest([code, int(bool(undecided))])


def comment(diff: Diff, options: argparse.Namespace) -> None:
    """Keep the pull request's one comment up to date, as long as its forge takes.

    Raises RepositoryError where the forge does not take it.
    """
    forge = forge_of(options)
    if not forge.hosted:
        raise UsageError(
            "--comment: there is no forge whose pull request could be commented on",
            hint="name it with --forge or MESHGATE_FORGE; `meshgate diff --help` tells more",
        )
    room = forge.body_limit - len(MARKER) - 1
    text = render(diff, style(options, to_file=True), limit=room)
    forge.comment_sticky(options.comment, MARKER, f"{MARKER}\n{text}")
