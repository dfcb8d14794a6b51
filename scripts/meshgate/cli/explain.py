"""Tell one call step by step: which rule wins and why, what is sent, what the server demands.

FROM is a workload, TO a service as the client names it: `boards`, `boards.apps`, or a full
host. Without a port every port of the service is explained.

examples:
  meshgate explain boards/app-ui boards:8080 --env prod
  kubectl get ns,all,netpol,istio-io -A -o yaml | meshgate explain boards/rogue boards -
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from meshgate.cli.meshes import add_mesh, meshes
from meshgate.cli.options import add_judging
from meshgate.cli.output import publish
from meshgate.cli.workload_names import client_of, host_and_port, ports_of, service_of
from meshgate.errors import UsageError
from meshgate.pipeline.reports import NEVER
from meshgate.report import explain
from meshgate.report.explain import CallExplanation
from meshgate.report.view import View

FORMATS = explain.FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("client", metavar="FROM", help="NAMESPACE/WORKLOAD")
    parser.add_argument("service", metavar="TO[:PORT]", help="host or name of a service")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="manifests in place of an environment"
    )
    parser.add_argument("--env", metavar="ENV", help="default: every environment")
    add_mesh(parser)
    add_judging(parser, fail_on=NEVER)


def run(options: argparse.Namespace) -> int:
    """Print the explanation of the call, once for each port and environment."""
    if options.env and options.paths:
        raise UsageError("--env and PATH exclude each other", hint="leave one of them out")
    shown = meshes(options, [options.env] if options.env else options.paths)
    answers = [answer for view in shown.views for answer in explanations(view, options)]
    publish(FORMATS, answers, options)
    return shown.end(options)


def explanations(view: View, options: argparse.Namespace) -> Iterator[CallExplanation]:
    """The explanations of one mesh."""
    host, number = host_and_port(options.service)
    client = client_of(view, options.client)
    service = service_of(view, host, client)
    for port in ports_of(service, number):
        yield from explain.explanations(view, client, service, port)
