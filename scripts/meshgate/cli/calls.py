"""Tell what every client sends to every service port, and what becomes of it.

Clients that no policy tells apart share a line. So they do with --format json, where there are
more than ten of them: `clients` says how many and where; --full has one entry for each call.

examples:
  meshgate calls prod --only-broken              what fails
  meshgate calls prod --only-denied              what policies deny or block
  meshgate calls prod --to boards:8080           who reaches a port, and how
  meshgate calls prod --from boards/app-ui       what one workload sends
"""

from __future__ import annotations

import argparse

from meshgate.cli.meshes import add_targets, meshes
from meshgate.cli.output import publish
from meshgate.cli.workload_names import client_of, host_and_port, services_of
from meshgate.report import calls
from meshgate.report.view import View

FORMATS = calls.FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_targets(parser)
    parser.add_argument("--from", dest="client", metavar="NS/WORKLOAD", help="calls of this one")
    parser.add_argument("--to", dest="service", metavar="HOST[:PORT]", help="calls of this service")
    parser.add_argument("--only-broken", action="store_true", help="calls that do not work")
    parser.add_argument(
        "--only-denied",
        action="store_true",
        help="calls of which policies deny requests, or that NetworkPolicies block",
    )
    parser.add_argument(
        "--full", action="store_true", help="with --format json: one entry for every call"
    )


def run(options: argparse.Namespace) -> int:
    """Print the calls that were asked for."""
    shown = meshes(options, options.targets)
    asked = [question(view, options) for view in shown.views]
    publish(FORMATS, asked, options, streams={"json": calls.streamed})
    return shown.end(options)


def question(view: View, options: argparse.Namespace) -> calls.CallsQuestion:
    """Which calls of one mesh are shown: of which client, to which services and port."""
    host, port = host_and_port(options.service) if options.service else (None, None)
    return calls.CallsQuestion(
        view,
        client_of(view, options.client) if options.client else None,
        services_of(view, host) if host else None,
        port,
        options.only_broken,
        options.only_denied,
        options.full,
    )
