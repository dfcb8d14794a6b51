"""Calls of which files do not tell what becomes of them, and what would decide them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.mesh import Delivery, Verdict, verdict
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.mesh.cluster import OTHER_NAMES
from meshgate.mesh.covers import named
from meshgate.mesh.ingress import PAST_SERVICES
from meshgate.mesh.revisions import MAY_BE_TAG, NOT_STATED
from meshgate.mesh.service_entries import NO_ACCOUNT
from meshgate.rules.broken_calls import COUNTED, by_host
from meshgate.rules.context import Context
from meshgate.rules.rule import SharedCause, Violation


def undecided_calls(context: Context) -> Iterator[Violation]:
    """Service ports whose calls cannot be judged, each once, with the reason."""
    if context.mesh is None:
        return
    reported: set[tuple[str, int]] = set()
    unread = [named(each.resource) for each in context.mesh.unread if each.covered]
    for call in context.mesh.call_classes():
        key = call.service.host, call.port.number
        unknown = next((each for each in call.deliveries if is_unknown(each)), None)
        if (
            unknown is None
            or key in reported
            or call.clients.plane not in COUNTED
            or call.hidden
            or context.mesh.is_outside(call.service)
        ):
            continue
        reported.add(key)
        why = unknown.reason or "nothing in the inventory stands behind it"
        yield Violation(
            call.service.resource,
            "spec",
            f"calls to {key[0]}:{key[1]} cannot be judged: {why}",
            fix=_what_decides(unknown, why),
            decided=False,
            about=key[0]
            if OTHER_NAMES in why
            else next((name for name in unread if name in why), ""),
            key=str(key[1]),
            group=SharedCause(
                f"undecided: {why}",
                f"{key[0]}:{key[1]}",
                functools.partial(_several_undecided, why),
            ),
        )


def _several_undecided(why: str, names: Sequence[str]) -> str:
    return f"calls to {len(names)} service ports, {by_host(names)}, cannot be judged: {why}"


def _what_decides(unknown: Delivery, why: str) -> str:
    """What makes calls that nobody can judge decidable."""
    workload = unknown.endpoint.workload if unknown.endpoint else None
    if PAST_SERVICES in why:
        return (
            "let the controller call the Service: for ingress-nginx annotate the Ingress with "
            "service-upstream: 'true' and upstream-vhost: the Service's host"
        )
    if workload is not None and workload.kind == "WorkloadEntry" and NO_ACCOUNT in why:
        return (
            f"write spec.serviceAccount into WorkloadEntry {workload} if a proxy runs there; "
            "declare the host in mesh.outside if none does"
        )
    if fix := state_revision(why):
        return fix
    return "add to the inventory what it lacks; `meshgate inventory capture` writes it"


def state_revision(why: str) -> str:
    """What makes known which control plane reads an object of one revision; empty: not asked."""
    if NOT_STATED in why:
        return (
            f"say in mesh.revision which revision this mesh has, or remove the label "
            f"{REVISION_LABEL} of the object, so that every control plane reads it"
        )
    if MAY_BE_TAG in why:
        return (
            f"label the namespace with {REVISION_LABEL} and the revision itself, not a tag of it, "
            "or remove that label of the object, so that every control plane reads it"
        )
    return ""


def is_unknown(delivery: Delivery) -> bool:
    """Whether files do not tell what becomes of it, and no order of creation breaks it."""
    return verdict(delivery.outcome, delivery.transport) is Verdict.UNKNOWN and not any(
        verdict(each.outcome, each.transport) is Verdict.BROKEN for each in delivery.alternatives
    )
