"""Judge any manifests: files, folders, a `kubectl get -o yaml` dump, standard input.

Objects of the mesh (PeerAuthentication, DestinationRule ...) are judged; Services,
workloads and Namespaces among the manifests say what the policies are about.
Without --mesh, Istio's own defaults hold, and every port is wanted STRICT.

examples:
  meshgate lint policies/
  kubectl get pa,dr,svc,deploy -A -o yaml | meshgate lint -
  meshgate lint --mesh mesh.yaml rendered.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshgate import config
from meshgate.cli.options import add_judging
from meshgate.cli.output import publish_report
from meshgate.cli.request import settings
from meshgate.model import Environment
from meshgate.pipeline import Objects, judge
from meshgate.pipeline.manifests import read_manifests
from meshgate.pipeline.reports import exit_code, notes_on, report_of, tally
from meshgate.pipeline.targets import STDIN


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, or - for stdin")
    parser.add_argument(
        "--mesh", type=Path, metavar="FILE", help="`mesh` and `require` of the environment"
    )
    parser.add_argument("-n", dest="namespace", metavar="NS", help="of objects without one")
    add_judging(parser)


def run(options: argparse.Namespace) -> int:
    """Judge the manifests; findings on standard output."""
    root: Path = options.directory
    stdin = sys.stdin.buffer.read() if STDIN in options.paths else b""
    found = read_manifests(root, options.paths, stdin, namespace=options.namespace)
    environment = config.load_mesh(root / options.mesh) if options.mesh else Environment(name="")
    files = Objects({environment.name: found.build}, found.locate)
    how = settings(options, complete=options.mesh is not None)
    (judged,) = judge([environment], files, how).values()
    notes = [*notes_on([judged]), *found.notes]
    report = report_of(judged.findings, [tally(judged)], found.locate, notes)
    publish_report(report, options)
    return exit_code(report.findings, (), options.fail_on)
