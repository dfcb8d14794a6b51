"""The meshes that a command shows: of environments of this repository, or of any manifests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate.cli.options import add_judging, add_reading
from meshgate.cli.request import end, judge_wanted, load, manifests_of, print_failures, settings
from meshgate.errors import NothingToCheckError, gravest
from meshgate.pipeline import Judged, judge
from meshgate.pipeline.manifests import GivenManifests, read_manifests
from meshgate.pipeline.raised_severities import loose_environment
from meshgate.pipeline.reports import NEVER, notes_on
from meshgate.pipeline.targets import select_targets
from meshgate.report.view import View
from meshgate.wording import plural


class Meshes(NamedTuple):
    """The meshes of what was asked for; `judged` has also what could not be judged."""

    views: list[View]
    judged: Mapping[str, Judged]
    wanted: Sequence[str]
    manifests: GivenManifests | None = None

    def end(self, options: argparse.Namespace) -> int:
        """Say what could not be judged; the exit code of the run."""
        code = end(options, self.judged, self.wanted)
        if self.manifests is None:
            return code
        print_failures(self.manifests.unread)
        return gravest([code, self.manifests.exit_code])


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add what every command on meshes takes."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="ENV|PATH",
        help="environments (default: all of them), or files, folders, - for stdin",
    )
    add_mesh(parser)
    add_judging(parser, fail_on=NEVER)


def add_mesh(parser: argparse.ArgumentParser) -> None:
    """Add the facts of the mesh that loose manifests belong to."""
    parser.add_argument(
        "--mesh",
        type=Path,
        metavar="FILE",
        help="`mesh` of the manifests at PATH; default: Istio's",
    )
    add_reading(parser)


def view_of(judged: Judged) -> View:
    """One judged environment as reports look at it; loose manifests have no name."""
    floor = judged.environment.require.authorization
    return View(judged.name or None, judged.mesh, judged.locate, floor)


def meshes(options: argparse.Namespace, targets: Sequence[str]) -> Meshes:
    """The meshes of environments, or of manifests. Raises UsageError for what is neither."""
    wanted = select_targets(options.directory, targets, load)
    manifests = None
    if wanted is None:
        judged, manifests = judge_manifests(options, targets)
    else:
        judged = judge_wanted(options, wanted)
    names = list(judged) if wanted is None else [environment.name for environment in wanted]
    shown = [judged[name] for name in names if judged[name].context is not None]
    print_left_out(shown)
    views = [view_of(each) for each in shown]
    whole = len(shown) == len(judged)
    if views and whole and not any(view.mesh.workloads for view in views):
        print_failures(manifests.unread if manifests else {})
        raise NothingToCheckError(
            "there is no workload among the manifests",
            why="Only workloads accept calls, and only workloads make them.",
            hint="give Deployments, Pods and Services too, or fill inventory/<environment>/",
        )
    return Meshes(views, judged, names, manifests)


def judge_manifests(
    options: argparse.Namespace, paths: Sequence[str]
) -> tuple[dict[str, Judged], GivenManifests]:
    """Loose manifests, as environments without a repository."""
    root: Path = options.directory
    manifests = read_manifests(root, manifests_of(options, paths))
    environment = loose_environment(root / options.mesh if options.mesh else None)
    files = manifests.files(environment, sources=True)
    how = settings(options, complete=options.mesh is not None)
    return judge(manifests.environments(environment), files, how), manifests


def print_left_out(judged: Sequence[Judged]) -> None:
    """Say what leaves calls undecided, and how many objects would be refused."""
    for note in notes_on([each for each in judged if each.require_context().mesh is not None]):
        print(f"meshgate: {note}", file=sys.stderr)
    for each in judged:
        refused = {id(violation.resource) for violation in each.require_context().violations}
        if refused:
            print(
                f"meshgate: {plural(len(refused), 'object')} left out, since the API server or "
                "istiod would refuse it; `meshgate validate` or `meshgate lint` tells more",
                file=sys.stderr,
            )
