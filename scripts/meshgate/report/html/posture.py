"""The posture of one mesh as the page draws it: namespaces, their workloads, ports, policies."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from meshgate.effect.describe import named, owner
from meshgate.mesh import Level, Mode
from meshgate.model import JSONObject, Resource, join_path
from meshgate.report import admitted
from meshgate.report.escape.visible import visible
from meshgate.report.posture import PortGroup, ServedPort, accepts, grouped, servers
from meshgate.report.view import View

STATES = {Mode.STRICT: "strict", Mode.PERMISSIVE: "permissive", Mode.DISABLE: "disable"}


class Policies:
    """The policies that decide, each listed once: `[owner, place]`."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[tuple[int, str], int] = {}
        self.rows: list[list[str]] = []

    def index(self, policy: Resource | None, path: str) -> int:
        """The number of a policy in the list; -1: Istio's default decides."""
        if policy is None:
            return -1
        key = id(policy), path
        if key not in self._known:
            self._known[key] = len(self.rows)
            place = self._view.locate(policy, path)
            where = f"{place.file}:{place.line}" if place else ""
            self.rows.append([visible(owner(policy)), visible(where)])
        return self._known[key]


def posture(view: View) -> JSONObject:
    """`{"policies", "namespaces"}`: counts by state, and every workload with its ports."""
    policies = Policies(view)
    namespaces = [
        _namespace(view, name, list(own), policies)
        for name, own in itertools.groupby(servers(view), key=lambda each: each.workload.namespace)
    ]
    return {"policies": policies.rows, "namespaces": namespaces}


def state(server: ServedPort | PortGroup) -> str:
    """The one word that gives a port its colour."""
    answer = server.answer
    if not answer.decided:
        return "undecided"
    if answer.mode is None:
        return "outside"
    return STATES[answer.mode] if answer.captured else "uncaptured"


def _namespace(view: View, name: str, ports: list[ServedPort], policies: Policies) -> JSONObject:
    return {
        "name": visible(name),
        "counts": dict(_counts(ports)),
        "workloads": [
            [
                visible(named(workload)),
                workload.kind,
                [_line(view, line, policies) for line in lines],
            ]
            for workload, lines in itertools.groupby(grouped(ports), key=lambda line: line.workload)
        ],
    }


def _counts(ports: Iterable[ServedPort]) -> Counter[str]:
    """Ports by state; workloads that no PeerAuthentication reaches count once."""
    outside: set[int] = set()
    by_mode: Counter[str] = Counter()
    for server in ports:
        own = state(server)
        if own == "outside":
            outside.add(id(server.workload))
        elif server.port is not None:
            by_mode[own] += 1
    if outside:
        by_mode["outside"] = len(outside)
    return by_mode


def _line(view: View, line: PortGroup, policies: Policies) -> list[object]:
    """`[ports, state, what they accept, level, policy, overridden, who gets in, policies]`."""
    level, policy = line.answer.decided_by
    ports = line.ports
    path = "spec.mtls.mode"
    if level is Level.PORT:
        path = join_path("spec", "portLevelMtls", ports.split(",", maxsplit=1)[0], "mode")
    return [
        ports,
        state(line),
        visible(accepts(line)),
        str(level) if line.answer.mode is not None else "",
        policies.index(policy, path),
        list(_overridden(line, policies)),
        visible(admitted.describe(view, line.access, line.answer.mode)),
        [policies.index(each.resource, "spec") for each in line.access.policies],
    ]


def _overridden(line: PortGroup, policies: Policies) -> Iterator[list[object]]:
    for other in line.answer.overrides:
        index = policies.index(other.policy, "spec.mtls.mode")
        yield [index, str(other.level), str(other.mode or "UNSET"), other.why]
