"""Render, check and judge every environment of this repository.

Each environment of environments.yaml is rendered by kustomize, checked against the
schemas of its Istio version, and judged by every rule together with its inventory.
Every environment is judged, whatever another one does.

examples:
  meshgate validate                        every environment
  meshgate validate prod                   one of them
  meshgate validate --changed-since main   only those that a branch changes
  meshgate validate --format sarif=out.sarif --format text
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from meshgate import config, source
from meshgate.cli import judging
from meshgate.cli.options import cache_folder
from meshgate.cli.output import publish, tell_failures
from meshgate.cli.progress import Progress
from meshgate.errors import MeshgateError, UsageError
from meshgate.model import Environment, Finding
from meshgate.rules.context import Context
from meshgate.source import Locator

# What changes the judgement of every environment.
SHARED_INPUTS = ("environments.yaml", "promotion/toolchain.yaml")
# Folders with one file or folder for each environment.
PER_ENVIRONMENT = ("inventory/{0}/", "waivers/{0}.yaml", "expectations/{0}.yaml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_judging_options(parser)
    parser.add_argument(
        "--changed-since",
        metavar="REF",
        help="only environments whose inputs differ from the merge base with this git reference",
    )


def add_judging_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that judges."""
    parser.add_argument(
        "--engine",
        choices=("auto", "kubeconform", "jsonschema"),
        default="auto",
        help="schema engine; auto: kubeconform where it is installed, else the embedded one",
    )
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "undecided", "never"),
        default="error",
        help="the least finding that ends the run with 1 (default: error)",
    )


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments; findings on standard output."""
    root: Path = options.directory
    configuration = config.load(root)
    wanted = chosen(configuration.environments, options.environments)
    if options.changed_since:
        wanted = changed(root, wanted, options.changed_since)
    run_ = Validation(root, configuration.environments, options)
    run_.judge(wanted)
    if wanted == list(configuration.environments):
        run_.judge_orphans()
    tallies = [judging.tally(context) for context in run_.judged]
    report = judging.report_of(
        run_.findings, tallies, run_.locate, run_.notes(wanted), run_.failures
    )
    publish(report, options)
    tell_failures(run_.failures)
    return judging.exit_code(report, run_.failures.values(), options.fail_on)


def chosen(environments: Sequence[Environment], names: Sequence[str]) -> list[Environment]:
    """The environments of these names, in their own order; all of them where none is named."""
    known = {environment.name: environment for environment in environments}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"environments.yaml has no environment {name!r}",
                hint=f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}",
            )
    return [environment for name, environment in known.items() if not names or name in names]


def changed(root: Path, environments: Sequence[Environment], reference: str) -> list[Environment]:
    """The environments whose inputs differ from the merge base with `reference`."""
    from meshgate import repository  # noqa: PLC0415 - GitPython is slow to import

    files = repository.changed_files(root, reference)
    if not files.isdisjoint(SHARED_INPUTS):
        return list(environments)
    return [
        environment
        for environment in environments
        if any(name.startswith(tuple(prefixes(environment))) for name in files)
        or not files.isdisjoint(source.inputs(root, environment.overlay))
    ]


def prefixes(environment: Environment) -> list[str]:
    """Where the files of one environment lie, beside what kustomize reads."""
    return [form.format(environment.name) for form in PER_ENVIRONMENT] + [
        environment.overlay.rstrip("/") + "/"
    ]


class Validation:
    """One run over the environments of a repository."""

    def __init__(
        self, root: Path, environments: Sequence[Environment], options: argparse.Namespace
    ) -> None:
        self.root = root
        self.environments = {environment.name: environment for environment in environments}
        self.options = options
        self.locate: Locator = source.Locator(root)
        self.findings: list[Finding] = []
        self.failures: dict[str, MeshgateError] = {}
        # Built, by name; and of these the ones that were asked for.
        self.contexts: dict[str, Context] = {}
        self.judged: list[Context] = []

    def judge(self, wanted: Sequence[Environment]) -> None:
        """Judge these environments; those before them are built too, to compare with."""
        self.build(wanted)
        self.judge_built(wanted)

    def judge_built(self, wanted: Sequence[Environment]) -> None:
        """Judge those of these environments that are built."""
        for environment in wanted:
            if environment.name in self.contexts:
                context = judging.with_others(self.contexts[environment.name], self.contexts)
                self.findings += judging.judge_context(context, self.locate)
                self.judged.append(context)

    def build(self, wanted: Sequence[Environment]) -> None:
        """Render these environments and those before them; findings on their sources are kept."""
        needed = self._with_upstream(wanted)
        buildable = [
            environment for environment in needed if self._sources_hold(environment, wanted)
        ]
        self._build(buildable)

    def judge_orphans(self) -> None:
        """Judge the manifests that no environment reaches at all."""
        overlays = [environment.overlay for environment in self.environments.values()]
        defects = source.survey_repository(self.root, overlays)
        nowhere = Environment(name="")
        self.findings += judging.judge_sources(nowhere, defects, self.options.today, self.locate)

    def _with_upstream(self, wanted: Sequence[Environment]) -> list[Environment]:
        names: dict[str, None] = {}
        stack = [environment.name for environment in reversed(wanted)]
        while stack:
            name = stack.pop()
            if name not in names:
                names[name] = None
                stack.extend(self.environments[name].after)
        return [self.environments[name] for name in names]

    def _sources_hold(self, environment: Environment, wanted: Sequence[Environment]) -> bool:
        defects = source.survey(self.root, environment.overlay)
        found = judging.judge_sources(environment, defects, self.options.today, self.locate)
        broken = [finding for finding in found if judging.blocks_build(finding)]
        if broken and environment in wanted:
            self.findings += found
        return not broken

    def _build(self, environments: Sequence[Environment]) -> None:
        overlays = [environment.overlay for environment in environments]
        with Progress("rendering", len(overlays)) as progress:
            built = source.render_all(
                self.root, overlays, cache=cache_folder(self.options), progress=progress.step
            )
        for environment in environments:
            build = built[environment.overlay]
            try:
                if isinstance(build, Exception):
                    raise build
                if not build.resources:
                    raise judging.nothing_rendered(environment)
                inventory = source.read_folder(self.root, f"inventory/{environment.name}")
                self.contexts[environment.name] = judging.context_of(
                    environment,
                    build,
                    inventory,
                    self.options.today,
                    engine=self.options.engine,
                )
            except MeshgateError as error:
                self.failures[environment.name] = error

    def notes(self, wanted: Sequence[Environment]) -> list[str]:
        """What the reader must know of the run as a whole."""
        if not wanted:
            return [f"no environment's inputs changed since {self.options.changed_since}"]
        return judging.notes_on(self.judged)
