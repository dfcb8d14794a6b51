"""An invariant does not hold: somebody gets in who must not, or in plaintext.

What it checks
    Each entry under `invariants` of `expectations/<environment>.yaml`, against everybody: the
    workloads of the inventory as they call, whoever has a service account that is named here or in
    a policy, any other workload of the mesh, and whoever proves no identity. At every port of every
    workload of `to`, over all requests, or over those with `method` and `path`.

    ```yaml
    invariants:
      - never: [outside, dev]
        to: [payments]
      - only: [istio-ingress, payments/sa/web]
        to: [payments/ledger:8080]
      - always: encrypted
        to: [payments]
    ```

    `outside` is whoever proves no identity, and workloads without a proxy. Pods of a namespace can
    go without a proxy too: where whoever proves no identity gets in, so does every namespace.
    Whoever reaches a port by way of a waypoint is judged there by its own identity; the account of
    the waypoint gets in, too, and is named in `only` as any other.

Why it matters
    An expectation is about one call. What a security team promises is about everybody: that nobody
    from development reaches payments, whatever is deployed there next.

How to fix
    `meshgate who-can HOST:PORT --env ENV` tells who gets in. Narrow the policies there, or change
    the invariant in the same pull request so that a reviewer sees it.

Known gaps
    Probes of the node are not asked for. What happens behind a gateway is judged by the gateway's
    own identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.changes import ANY_PORT, port_name
from meshgate.effect.describe import request
from meshgate.mesh import Mesh, Workload
from meshgate.mesh.workloads import AGENT_PORTS
from meshgate.model import Invariant, Severity
from meshgate.rules.context import Context
from meshgate.rules.entrants import (
    Admittance,
    Entrant,
    TooManyIdentitiesError,
    entrants,
    entry,
)
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording import agree

SHOWN = 3


class BrokenInvariant(NamedTuple):
    """Where an invariant does not hold, or is not known to."""

    place: str
    message: str
    decided: bool


def check(context: Context) -> Iterator[Violation]:
    for invariant in context.environment.invariants:
        why = f"; {invariant.reason}" if invariant.reason else ""
        for place, message, decided in broken(context.mesh, invariant):
            yield Violation(
                None,
                "",
                f"{invariant}, {message}{why}",
                decided=decided,
                source=invariant.source,
                key=f"{invariant} {invariant.method} {invariant.path} {place}",
            )


def broken(mesh: Mesh | None, invariant: Invariant) -> Iterator[BrokenInvariant]:
    """What is wrong at each port, and whether that is certain."""
    if mesh is None:
        yield BrokenInvariant("", "and there is no inventory to judge it by", decided=False)
        return
    servers = []
    for place in invariant.to:
        placed = list(_servers(mesh, place))
        if not placed:
            yield BrokenInvariant(place, f"and no workload is known at {place}", decided=True)
        servers += placed
    by_port: dict[tuple[Workload, int], list[tuple[Entrant, Admittance]]] = {}
    try:
        for each in entrants(mesh, servers, invariant.never or invariant.only or ()):
            if _must_not(each, invariant):
                answer = entry(each, invariant.method, invariant.path)
                if answer.gets_in is not False:
                    by_port.setdefault((each.workload, each.port), []).append((each, answer))
    except TooManyIdentitiesError as error:
        yield BrokenInvariant("", f"and it cannot be judged: {error}", decided=False)
        return
    known = {workload for workload, port in by_port if port != ANY_PORT}
    for (workload, port), all_of_them in by_port.items():
        if port != ANY_PORT or workload not in known:
            certain = [each for each in all_of_them if each[1].gets_in]
            place = f"{workload}:{port_name(port)}"
            message = _message(invariant, place, certain or all_of_them)
            yield BrokenInvariant(place, message, bool(certain))


def _must_not(each: Entrant, invariant: Invariant) -> bool:
    """Whether an invariant wants it kept out."""
    if invariant.always is not None:
        return each.is_plaintext
    if invariant.never is not None:
        # Whoever proves nothing may be a pod of any namespace.
        is_anybody = each.is_outside and not each.namespace
        return is_anybody or each.is_one_of(invariant.never)
    return not each.is_one_of(invariant.only or ())


def _message(
    invariant: Invariant, port: str, admitted: Sequence[tuple[Entrant, Admittance]]
) -> str:
    names = list(dict.fromkeys(each.who for each, _ in admitted))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    who = ", ".join(names[:SHOWN]) + more
    first = admitted[0][1]
    if not first.gets_in:
        return f"and it is not known whether {who} gets in at {port}: {first.reason}"
    verb = agree(len(names), "gets in", "get in")
    plain = " in plaintext" if invariant.always is not None else ""
    example = f", such as {request(first.request)}" if first.request is not None else ""
    return f"but {who} {verb} at {port}{plain}{example}"


def _servers(mesh: Mesh, place: str) -> Iterator[tuple[Workload, int]]:
    """The ports of workloads that NAMESPACE[/WORKLOAD][:PORT] names."""
    name, _, number = place.partition(":")
    namespace, _, own = name.partition("/")
    for workload in mesh.workloads:
        if workload.namespace == namespace and own in {"", workload.name}:
            for port in _ports(mesh, workload, number):
                yield workload, port


def _ports(mesh: Mesh, workload: Workload, number: str) -> Iterable[int]:
    """The ports in question; ANY_PORT, those that no file names, last."""
    if number:
        return [int(number)]
    # Ports that are kept from the proxy are named there and perhaps nowhere else.
    uncaptured = workload.uncaptured_inbound - AGENT_PORTS
    return [*sorted({*mesh.listening(workload), *uncaptured}), ANY_PORT]


RULE = Rule(
    id="CA013",
    name="broken-invariant",
    severity=Severity.ERROR,
    summary="Somebody gets in against `never`, `only` or `always` of expectations/.",
    fix="`meshgate who-can` tells who gets in; narrow the policies, or change the invariant",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
