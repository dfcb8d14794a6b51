"""Judge any manifests: files, folders, a `kubectl get -o yaml` dump, standard input.

Objects of the mesh (PeerAuthentication, DestinationRule ...) are judged; Services,
workloads and Namespaces among the manifests say what the policies are about.
Without --mesh, Istio's own defaults hold, and every port is wanted STRICT.

A folder with a kustomization is built; --raw reads its files as they stand. Hidden folders
and what .gitignore leaves out are skipped. A file that cannot be read never ends the run:
the rest is judged, the file is named, and the run ends with 1, with 2 if the command named it.

examples:
  meshgate lint policies/
  kubectl get ns,all,netpol,istio-io -A -o yaml | meshgate lint -
  meshgate lint --mesh mesh.yaml rendered.yaml
  meshgate lint --exclude 'charts/' --exclude '*.json' .
"""

from __future__ import annotations

import argparse
import posixpath
from pathlib import Path

from msgspec import structs

from meshgate import config
from meshgate.cli import main
from meshgate.cli.options import add_follow_ups, add_judging, add_narrowing, add_reading
from meshgate.cli.output import publish_report
from meshgate.cli.request import manifests_of, settings
from meshgate.errors import NothingToCheckError, SourcesError, gravest
from meshgate.pipeline import judge
from meshgate.pipeline.affected import affected
from meshgate.pipeline.manifests import read_manifests
from meshgate.pipeline.raised_severities import loose_environment
from meshgate.pipeline.reports import (
    exit_code,
    fail_on_floor,
    failures_of,
    notes_on,
    report_of,
    tally,
    undecided_note,
)
from meshgate.pipeline.selected_rules import narrow

ENVIRONMENTS = "environments.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, or - for stdin")
    parser.add_argument(
        "--mesh", type=Path, metavar="FILE", help="`mesh` and `require` of the environment"
    )
    parser.add_argument("-n", dest="namespace", metavar="NS", help="of objects without one")
    parser.add_argument(
        "--commit",
        action="store_true",
        help="as a pre-commit hook wants it: files of environments.yaml's environments are judged "
        "once, as `meshgate validate` does, and files without a manifest pass",
    )
    add_reading(parser)
    add_judging(parser, by_floor=True)
    add_narrowing(parser)
    add_follow_ups(parser)


def run(options: argparse.Namespace) -> int:
    """Judge the manifests; findings on standard output."""
    root: Path = options.directory
    if options.commit and (root / ENVIRONMENTS).is_file():
        return of_environments(options)
    try:
        manifests = read_manifests(root, manifests_of(options, options.paths, options.namespace))
    except NothingToCheckError as error:
        if not options.commit:
            raise
        print(f"nothing to judge: {error.what}")
        return 0
    environment = loose_environment(root / options.mesh if options.mesh else None)
    fail_on = options.fail_on or fail_on_floor([environment])
    how = settings(options, complete=options.mesh is not None)
    judged = judge(manifests.environments(environment), manifests.files(environment), how)
    failures = failures_of(judged)
    unreported = (
        [] if manifests.unread else [e for e in failures.values() if type(e) is not SourcesError]
    )
    if len(judged) == len(unreported) > 0:
        raise unreported[0]
    whole = [each for each in judged.values() if each.context is not None]
    findings = [finding for each in judged.values() for finding in each.findings]
    undecided = undecided_note(whole, fail_on)
    findings, left_out = narrow(findings, options.select, options.ignore)
    notes = [*notes_on(whole), *manifests.notes, *undecided, *left_out]
    report = report_of(findings, [tally(each) for each in whole], manifests.locate, notes, failures)
    report = structs.replace(report, failures=(*report.failures, *manifests.failures))
    publish_report(report, options)
    code = exit_code(findings, failures.values(), fail_on)
    return gravest([manifests.exit_code, code, int(bool(undecided))])


def of_environments(options: argparse.Namespace) -> int:
    """Judge the environments that the files of a commit belong to, with all that is theirs."""
    root: Path = options.directory
    environments = config.load(root).environments
    files = {posixpath.normpath(Path(path).as_posix()) for path in options.paths}
    names = [each.name for each in affected(root, environments, files)]
    if not names:
        print("nothing to judge: no environment has these files among its inputs")
        return 0
    return main(["-C", str(root), "validate", *same_options(options), *names])


def same_options(options: argparse.Namespace) -> list[str]:
    """What was asked of how to judge and to print, as `validate` is asked."""
    texts = ["--engine", options.engine, "--today", options.today.isoformat()]
    texts += ["--fail-on", options.fail_on] if options.fail_on else []
    texts += ["--color", "always" if options.color else "never"]
    for output in options.outputs:
        file = f"={output.file}" if output.file else ""
        texts += ["--format", f"{output.format}{file}"]
    for name in ("select", "ignore"):
        texts += [word for rule in vars(options)[name] for word in (f"--{name}", rule)]
    for name in ("no_cache", "show_follow_ups", "verbose"):
        texts += [f"--{name.replace('_', '-')}"] if vars(options)[name] else []
    return texts
