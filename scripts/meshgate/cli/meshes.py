"""The meshes that a command looks at: of environments of this repository, or of any manifests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from meshgate import config, report, source
from meshgate.cli import judging
from meshgate.cli.lint import STDIN, read_all
from meshgate.cli.options import cache_folder
from meshgate.cli.output import style, tell_failures, write
from meshgate.cli.progress import Progress
from meshgate.cli.validate import chosen
from meshgate.errors import MeshgateError, NothingToCheckError, UsageError
from meshgate.mesh import Mesh
from meshgate.model import BuildRecord, Environment, Resource
from meshgate.report.view import View
from meshgate.wording import plural

T = TypeVar("T")

ENVIRONMENTS = "environments.yaml"
# Added to every command inside GitHub Actions; it has no meaning for tables.
ANNOTATIONS = "github"


class Meshes(NamedTuple):
    """The meshes, and the environments that have none since they could not be built."""

    views: list[View]
    failures: Mapping[str, MeshgateError]

    def end(self) -> int:
        """Say what could not be looked at; the exit code of the run."""
        tell_failures(self.failures)
        codes = {failure.exit_code for failure in self.failures.values()}
        return next((code for code in judging.GRAVEST_FIRST if code in codes), 0)


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add what every command on meshes takes."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="ENV|PATH",
        help="environments (default: all of them), or files, folders, - for stdin",
    )
    add_mesh(parser)


def add_mesh(parser: argparse.ArgumentParser) -> None:
    """Add the facts of the mesh that loose manifests belong to."""
    parser.add_argument(
        "--mesh",
        type=Path,
        metavar="FILE",
        help="`mesh` of the manifests at PATH; default: Istio's",
    )


def meshes(options: argparse.Namespace, targets: Sequence[str]) -> Meshes:
    """The meshes of environments, or of manifests. Raises UsageError for what is neither."""
    root: Path = options.directory
    if not targets or is_environments(root, targets):
        found = of_environments(options, targets)
    else:
        found = Meshes([of_manifests(options, targets)], {})
    if found.views and not any(view.mesh.workloads for view in found.views):
        raise NothingToCheckError(
            "there is no workload among the manifests",
            why="Only workloads accept calls, and only workloads make them.",
            hint="give Deployments, Pods and Services too, or fill inventory/<environment>/",
        )
    return found


def is_environments(root: Path, targets: Sequence[str]) -> bool:
    """Whether the targets name environments; else they are paths. Raises UsageError for a mix."""
    known: set[str] = set()
    if (root / ENVIRONMENTS).is_file():
        known = {environment.name for environment in config.load(root).environments}
    named = [target for target in targets if target in known]
    if named and len(named) < len(targets):
        other = next(target for target in targets if target not in known)
        raise UsageError(
            f"{named[0]} is an environment and {other} is not",
            hint="give environments, or paths, not both",
        )
    return bool(named)


def of_environments(options: argparse.Namespace, names: Sequence[str]) -> Meshes:
    """The meshes of environments of this repository, each with its inventory."""
    root: Path = options.directory
    wanted = chosen(config.load(root).environments, names)
    overlays = [environment.overlay for environment in wanted]
    with Progress("rendering", len(overlays)) as progress:
        built = source.render_all(
            root, overlays, cache=cache_folder(options), progress=progress.step
        )
    locate = source.Locator(root)
    views: list[View] = []
    failures: dict[str, MeshgateError] = {}
    for environment in wanted:
        build = built[environment.overlay]
        try:
            if isinstance(build, MeshgateError):
                raise build
            inventory = source.read_folder(root, f"inventory/{environment.name}")
            mesh = mesh_of(options, environment, build, inventory)
            views.append(View(environment.name, mesh, locate))
        except MeshgateError as error:
            failures[environment.name] = error
    return Meshes(views, failures)


def of_manifests(options: argparse.Namespace, paths: Sequence[str]) -> View:
    """The mesh of loose manifests."""
    root: Path = options.directory
    environment = config.load_mesh(root / options.mesh) if options.mesh else Environment(name="")
    given = {STDIN: sys.stdin.buffer.read()} if STDIN in paths else {}
    loaded = list(read_all(root, paths, given))
    build = source.Build(
        resources=[resource for part in loaded for resource in part.resources],
        record=BuildRecord(),
    )
    return View(None, mesh_of(options, environment, build, ()), source.Locator(root, given))


def mesh_of(
    options: argparse.Namespace,
    environment: Environment,
    build: source.Build,
    inventory: Iterable[Resource],
) -> Mesh:
    """The mesh of what the API server and istiod would accept."""
    context = judging.context_of(environment, build, inventory, options.today, engine="auto")
    refused = {id(violation.resource) for violation in context.violations}
    if refused:
        print(
            f"meshgate: {plural(len(refused), 'object')} left out, since the API server or istiod "
            "would refuse it; `meshgate validate` or `meshgate lint` tells more",
            file=sys.stderr,
        )
    return context.mesh or Mesh(context.resources.all, environment.mesh)


def publish(
    formats: Mapping[str, Callable[[Sequence[T], report.Options], str]],
    values: Sequence[T],
    options: argparse.Namespace,
) -> None:
    """Write the values in each format that was asked for. Raises UsageError for another one."""
    # Inside Actions annotations are asked for by default; most commands have none.
    outputs = [o for o in options.outputs if o.format in formats or o.format != ANNOTATIONS]
    for output in outputs or options.outputs:
        if output.format not in formats:
            raise UsageError(
                f"--format {output.format}: `meshgate {options.command}` does not write it",
                hint=f"use one of {', '.join(formats)}",
            )
        text = formats[output.format](values, style(options, to_file=output.file is not None))
        if output.file is None:
            sys.stdout.write(text)
        else:
            write(output.file, text)
