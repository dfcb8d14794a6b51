"""Tell which clients get in at a service, by what identity, with a request as witness.

TO is a service: `boards`, `boards.apps`, or a full host. Who gets in is worked out over all
requests; --method, --path, --host and --header ask about some of them only. Beside the workloads
that are known, two strangers are asked for: one that proves no identity, and one of the mesh that
no file names. A gateway gets in by its own identity, whoever called it. "some" means that it
depends on the request: the witness is one that gets in.

examples:
  meshgate who-can boards:8080 --env prod
  meshgate who-can boards --env prod --method DELETE --path /boards/1
  meshgate who-can boards --env prod --header x-user=guest --format json
  kubectl get ns,all,netpol,istio-io -A -o yaml | meshgate who-can boards -
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from meshgate.cli.meshes import add_mesh, meshes
from meshgate.cli.options import add_judging
from meshgate.cli.output import publish
from meshgate.cli.workload_names import host_and_port, ports_of, services_of
from meshgate.errors import UsageError
from meshgate.pipeline.reports import NEVER
from meshgate.report import who_can
from meshgate.report.view import View

FORMATS = who_can.FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("service", metavar="TO[:PORT]", help="host or name of a service")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="manifests in place of an environment"
    )
    parser.add_argument("--env", metavar="ENV", help="default: every environment")
    parser.add_argument("--method", default="", metavar="M", help="of the requests: GET")
    parser.add_argument("--path", default="", metavar="P", help="of the requests, as it is sent")
    parser.add_argument("--host", default="", metavar="H", help="the Host header as it is sent")
    parser.add_argument(
        "--header",
        default=[],
        action="append",
        metavar="NAME=VALUE",
        help="a header of the requests; repeatable",
    )
    add_mesh(parser)
    add_judging(parser, fail_on=NEVER)


def run(options: argparse.Namespace) -> int:
    """Print who gets in, once for each port and environment."""
    if options.env and options.paths:
        raise UsageError("--env and PATH exclude each other", hint="leave one of them out")
    if options.path and not options.path.startswith("/"):
        raise UsageError(f"{options.path!r} is no path of a request", hint="begin it with /")
    for each in options.header:
        if not each.partition("=")[0] or "=" not in each:
            raise UsageError(f"{each!r} is no header", hint="write it as NAME=VALUE")
    shown = meshes(options, [options.env] if options.env else options.paths)
    asked = [question for view in shown.views for question in questions(view, options)]
    publish(FORMATS, asked, options)
    return shown.end(options)


def questions(view: View, options: argparse.Namespace) -> Iterator[who_can.AccessQuestion]:
    """The service ports of one mesh, and the requests, that access is asked for."""
    host, number = host_and_port(options.service)
    headers = (each.partition("=") for each in options.header)
    wanted = who_can.RequestFilter(
        options.method,
        options.path,
        options.host,
        tuple((name.strip().lower(), value) for name, _, value in headers),
    )
    for service in services_of(view, host):
        for port in ports_of(service, number):
            yield who_can.AccessQuestion(view, service, port, wanted)
