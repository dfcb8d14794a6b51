"""What the server's port accepts, which PeerAuthentication says so, and how the call ends."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.describe import owner
from meshgate.mesh import (
    Allows,
    DataPlane,
    Delivery,
    Level,
    Mode,
    Outcome,
    Overridden,
    ServerMode,
    Transport,
    Verdict,
    Workload,
)
from meshgate.model import join_path
from meshgate.report import packets
from meshgate.report.access import deciders, describe
from meshgate.report.explain.explanation import Case, Chapter, Statement

MEANINGS = {
    Mode.STRICT: "mesh mTLS and nothing else",
    Mode.PERMISSIVE: "mesh mTLS and plaintext",
    Mode.DISABLE: "plaintext only, it terminates no TLS",
}
ENDINGS = {
    Outcome.OK_MTLS: "it works, encrypted, and the server knows who calls",
    Outcome.OK_PLAINTEXT: "it works, in the clear, and the server does not know who calls",
    Outcome.REFUSED: "the server's sidecar closes the connection before the application sees it",
    Outcome.PROTOCOL_ERROR: "the port expects HTTP, and finds TLS bytes, or bytes of TCP",
    Outcome.TLS_TO_APP: "the TLS bytes reach the application itself, unterminated",
    Outcome.MTLS_USER_TERMINATED: "it works only if the rule's certificate is signed by the mesh",
    Outcome.BLOCKED: "NetworkPolicies drop its packets before any proxy sees them",
    Outcome.DENIED: "ztunnel denies the connection",
    Outcome.EXTERNAL: "it leaves the mesh; what the other side accepts is not known here",
    Outcome.NO_ENDPOINT: "nothing is there to answer",
    Outcome.NO_CLUSTER: "the client's proxy has no such destination and answers by itself",
    Outcome.ANSWERED: "the client's proxy answers by itself: a redirect or a direct response",
    Outcome.UNKNOWN: "it cannot be decided from files",
}


def what_is_accepted(case: Case) -> Chapter:
    """The mode of each port behind the service, with the policies that it overrides."""
    return Chapter(
        "What the server accepts", tuple(_accepted(case)) or (Statement("Nothing is there."),)
    )


def what_happens(case: Case) -> Chapter:
    """How the call ends."""
    answered = Statement(f"The client's proxy answers by itself: {case.policy.reason}.")
    return Chapter("What happens", tuple(_ends(case)) or (answered,))


def _accepted(case: Case) -> Iterator[Statement]:
    names_of: dict[object, list[str]] = {}
    answers: dict[object, tuple[Workload, int, ServerMode]] = {}
    for delivery in case.policy.deliveries:
        end = delivery.endpoint
        if end is None:
            continue
        if end.workload is None:
            yield Statement(f"{end.address}:{end.port} is not in the inventory.")
            continue
        answer = case.view.mesh.mode_at(end.workload, end.port)
        key: object = (answer, end.workload.plane)
        names_of.setdefault(key, []).append(f"{end.workload}:{end.port}")
        answers.setdefault(key, (end.workload, end.port, answer))
    for key, names in names_of.items():
        yield from _mode(case, ", ".join(names), *answers[key])


def _mode(
    case: Case, names: str, workload: Workload, port: int, answer: ServerMode
) -> Iterator[Statement]:
    mode, policy = answer.mode, answer.decided_by.policy
    if mode is None:
        yield Statement(
            f"{names}: whatever arrives; {answer.reason or 'no PeerAuthentication counts'}."
        )
        return
    if not answer.captured:
        yield Statement(f"{names}: whatever arrives; {answer.reason}.")
        return
    if answer.alternatives:
        yield Statement(f"{names}: not known; {answer.reason}.")
    elif not answer.decided:
        yield Statement(f"{names}: probably {mode}, but {answer.reason}.")
    meaning = MEANINGS[mode]
    if workload.plane is DataPlane.AMBIENT and mode is Mode.DISABLE:
        meaning = "plaintext, and mTLS all the same: ambient mode never turns it off"
    if policy is None:
        yield Statement(
            f"{names}: {mode}, {meaning}. That is Istio's default: no policy says otherwise."
        )
    else:
        yield Statement(
            f"{names}: {mode}, {meaning}. PeerAuthentication {owner(policy)} says so "
            f"({_scope(answer.decided_by.level)}).",
            case.view.locate(policy, mode_path(answer.decided_by.level, port)),
            "decides",
        )
    for other in answer.overrides:
        yield _overridden(case, other)


def _scope(level: Level) -> str:
    return {
        Level.PORT: "for this very port",
        Level.WORKLOAD: "for workloads that its selector selects",
        Level.NAMESPACE: "for its namespace",
        Level.MESH: "for the whole mesh",
        Level.DEFAULT: "by default",
    }[level]


def mode_path(level: Level, port: int) -> str:
    """Where in a PeerAuthentication the deciding mode stands."""
    if level is Level.PORT:
        return join_path("spec", "portLevelMtls", str(port), "mode")
    return "spec.mtls.mode"


def _overridden(case: Case, other: Overridden) -> Statement:
    why = "an older one has its place" if other.why == "older" else "the narrower one wins"
    return Statement(
        f"   hidden: {owner(other.policy)} ({other.level}: {other.mode or 'UNSET'}), {why}.",
        case.view.locate(other.policy, "spec.mtls.mode"),
        "hidden",
    )


def _ends(case: Case) -> Iterator[Statement]:
    several = len(list(case.sorts())) > 1
    for delivery, alike in case.sorts():
        ends = [
            f"{end.workload or end.address}:{end.port}" for each in alike if (end := each.endpoint)
        ]
        to = f"{', '.join(ends)}: " if several and ends else ""
        if delivery.alternatives:
            outcomes = dict.fromkeys(each.outcome for each in delivery.alternatives)
            endings = "; or ".join(f"{outcome}, {ENDINGS[outcome]}" for outcome in outcomes)
            yield Statement(f"{to}{endings}. {delivery.reason[:1].upper()}{delivery.reason[1:]}.")
        else:
            yield Statement(f"{to}{delivery.outcome}: {_ending(delivery)}.", mark=_mark(delivery))


def _ending(delivery: Delivery) -> str:
    if delivery.outcome is Outcome.TLS_TO_APP and delivery.transport is Transport.MTLS:
        return f"{ENDINGS[delivery.outcome]}, and no application holds the mesh's certificates"
    if by_policies := _by_policies(delivery):
        return by_policies
    if delivery.on_wire is not None:
        wire = f"{delivery.on_wire} ({ENDINGS[delivery.on_wire]})"
        return f"{ENDINGS[delivery.outcome]}. As far as TLS goes: {wire}; but {delivery.reason}"
    workload = delivery.endpoint.workload if delivery.endpoint is not None else None
    at_gateway = workload is not None and workload.plane is DataPlane.GATEWAY
    if delivery.outcome is Outcome.REFUSED and at_gateway:
        return "no filter chain of the gateway answers it, and the connection is closed"
    if delivery.outcome is Outcome.UNKNOWN:
        return f"{ENDINGS[delivery.outcome]}: {delivery.reason}"
    return ENDINGS[delivery.outcome]


def _by_policies(delivery: Delivery) -> str:
    """How the call ends where policies drop its packets, or deny requests; else empty."""
    if delivery.blocking is not None:
        return f"{ENDINGS[delivery.outcome]}: {packets.named(delivery.blocking)}"
    admission = delivery.admission
    if admission is None:
        return ""
    if delivery.outcome is Outcome.DENIED:
        return f"policies of authorization deny every request: {deciders(admission)}"
    if admission.allows is Allows.SOME:
        return f"{ENDINGS[delivery.outcome]}; but policies let {describe(admission)} in"
    return ""


def _mark(delivery: Delivery) -> str:
    return {
        Verdict.WORKS: "works",
        Verdict.BROKEN: "broken",
    }.get(delivery.verdict, "")
