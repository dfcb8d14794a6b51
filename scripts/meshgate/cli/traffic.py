"""Write down the calls that were made, as Istio's metrics in Prometheus tell them.

A change is then tried on what really happens: `meshgate diff --traffic FILE` names each call
that was seen and would fail. Asked are istio_requests_total and
istio_tcp_connections_opened_total, as the server's side counts them. Only Prometheus is read;
nothing in the cluster is touched.

Istio's metrics do not name the port of the service: such a call is tried on every port where it
could have been seen. If your mesh adds a label with the server's port, such as
`destination_port: {value: "string(destination.port)"}` in a Telemetry, name it with --port-label.

Exit code 5 when nothing was seen, 7 when Prometheus does not answer, refuses or answers in part.

examples:
  meshgate traffic capture --prometheus https://prometheus.example.com --output traffic.json
  meshgate traffic capture --prometheus http://localhost:9090 --window 24h --env prod
  meshgate traffic capture --prometheus https://metrics.example.com --token-file token.txt
  meshgate traffic capture --prometheus http://localhost:9090 --query-label cluster=prod-eu
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections import Counter
from pathlib import Path

from meshgate import config
from meshgate.cli.output import write
from meshgate.cli.progress import Progress
from meshgate.cluster import traffic
from meshgate.cluster.prometheus import Prometheus, read_token
from meshgate.cluster.traffic import TrafficQuery
from meshgate.config.reading import SIZE_LIMIT, parse
from meshgate.errors import NothingToCheckError, ServiceError, UsageError
from meshgate.model import SeenSecurity, Traffic

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("action", choices=("capture",))
    parser.add_argument("--prometheus", metavar="URL", required=True, help="address of the server")
    parser.add_argument(
        "--window", metavar="TIME", default="7d", help="how far to look back (default: 7d)"
    )
    parser.add_argument(
        "--resolution",
        metavar="TIME",
        help="how exactly `lastSeen` is told; at least four times what Prometheus waits between "
        "two looks at a proxy (default: a 168th of the window, at least 5m)",
    )
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    parser.add_argument("--token-file", metavar="FILE", help="holds a bearer token")
    parser.add_argument(
        "--query-label",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="only metrics with this label, such as cluster=prod; repeatable",
    )
    parser.add_argument(
        "--port-label", metavar="NAME", default="", help="the label with the port of the server"
    )
    parser.add_argument("--env", metavar="ENV", help="the environment that is looked at")
    parser.add_argument(
        "--force",
        action="store_true",
        help="write though nothing was seen, or though FILE holds something else",
    )


def run(options: argparse.Namespace) -> int:
    """Ask Prometheus and write the file."""
    asked = traffic.traffic_query(
        datetime.datetime.now(tz=datetime.UTC),
        seconds("--window", options.window),
        seconds("--resolution", options.resolution) if options.resolution else None,
        [label(text) for text in options.query_label],
        options.port_label,
    )
    file = Path(options.output) if options.output else None
    if file is not None and not options.force:
        refuse_other(file)
    seen = capture(asked, options)
    if not seen.calls and not options.force:
        raise NothingToCheckError(
            f"{seen.source} has seen no call in the last {options.window}",
            why="A change would be tried on nothing, which is never a pass; "
            + (f"{file} is as it was." if file is not None and file.exists() else "not written."),
            hint="does it hold istio_requests_total with reporter=destination"
            + (" and these labels?" if asked.labels else "?"),
        )
    text = traffic.text(seen)
    refuse_unreadable(text)
    refuse_unlikely(text, seen.source)
    if file is None:
        sys.stdout.write(text)
    else:
        write(file, text)
    print(summary(seen, file), file=sys.stderr)
    return 0


def capture(asked: TrafficQuery, options: argparse.Namespace) -> Traffic:
    """The calls that Prometheus has metrics of, in a window of time."""
    token = read_token(Path(options.token_file)) if options.token_file else ""
    queries = list(traffic.queries(asked))
    with (
        Prometheus(options.prometheus, token=token) as server,
        Progress("asking Prometheus", len(queries)) as progress,
    ):

        def answers() -> traffic.Answers:
            for query in queries:
                yield server.range(*query)
                progress.step()

        source = f"Prometheus at {server.url}"
        if asked.labels:
            source += " with " + ", ".join(f"{name}={value}" for name, value in asked.labels)
        return traffic.traffic(answers(), asked, source=source, environment=options.env)


def refuse_other(file: Path) -> None:
    """Raise UsageError where a file is there that no capture wrote."""
    if not file.exists():
        return
    try:
        config.load_traffic(file)
    except NothingToCheckError:
        pass
    except UsageError as error:
        raise UsageError(
            f"--output {file}: the file is there, and is no capture",
            why=error.what,
            hint="choose another name, or --force",
        ) from error


def refuse_unreadable(text: str) -> None:
    """Raise UsageError for a file that is larger than what is read again."""
    if len(text) > SIZE_LIMIT:
        raise UsageError(
            f"the capture is larger than the {SIZE_LIMIT // 2**20} MiB that are read again",
            hint="narrow it with --query-label, such as one cluster, or with a shorter --window",
        )


def refuse_unlikely(text: str, source: str) -> None:
    """Raise ServiceError where what a server told makes no file that `diff` reads."""
    try:
        config.traffic_of(parse(text, "the capture"))
    except NothingToCheckError:
        pass
    except UsageError as error:
        raise ServiceError(
            f"{source} tells calls that no mesh has",
            why=error.what,
            hint="are these the metrics of Istio's own proxies? --query-label narrows them",
        ) from error


def seconds(option: str, text: str) -> int:
    """A length of time in seconds. Raises UsageError."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{option} {text}: this is no length of time", hint="write it as 7d, 12h, 30m or 90s"
        )
    return int(match[1]) * SECONDS[match[2]]


def label(text: str) -> tuple[str, str]:
    """The parts of NAME=VALUE. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--query-label {text}: there is no value", hint="write NAME=VALUE")
    return name, value


def summary(seen: Traffic, file: Path | None) -> str:
    """One line for the person who asked."""
    by_security = Counter(call.security for call in seen.calls)
    outside = sum(not call.client and call.security is SeenSecurity.NONE for call in seen.calls)
    where = f" into {file}" if file is not None else ""
    return (
        f"meshgate: wrote {len(seen.calls):,} seen calls{where}: "
        f"{by_security[SeenSecurity.MUTUAL_TLS]:,} with mutual TLS, "
        f"{by_security[SeenSecurity.NONE]:,} in plaintext "
        f"({outside:,} of clients that the mesh does not know), "
        f"{by_security[SeenSecurity.UNKNOWN]:,} unknown"
    )
