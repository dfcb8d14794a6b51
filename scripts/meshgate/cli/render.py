"""Print what is judged: each environment as kustomize renders it, one YAML stream.

examples:
  meshgate render prod
  meshgate render prod --format json
"""

from __future__ import annotations

import argparse
import sys

from meshgate import config, source
from meshgate.cli.judging import GRAVEST_FIRST, nothing_rendered
from meshgate.cli.options import cache_folder
from meshgate.cli.output import tell_failures
from meshgate.cli.progress import Progress
from meshgate.cli.validate import chosen
from meshgate.errors import MeshgateError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")


def run(options: argparse.Namespace) -> int:
    """Print the rendered environments."""
    wanted = chosen(config.load(options.directory).environments, options.environments)
    overlays = [environment.overlay for environment in wanted]
    with Progress("rendering", len(overlays)) as progress:
        built = source.render_all(
            options.directory, overlays, cache=cache_folder(options), progress=progress.step
        )
    failures: dict[str, MeshgateError] = {}
    for environment in wanted:
        build = built[environment.overlay]
        if isinstance(build, MeshgateError):
            failures[environment.name] = build
        elif not build.resources:
            failures[environment.name] = nothing_rendered(environment)
        else:
            sys.stdout.write(source.dump(build.resources, comment=environment.name))
    tell_failures(failures)
    codes = {failure.exit_code for failure in failures.values()}
    return next((code for code in GRAVEST_FIRST if code in codes), 0)
