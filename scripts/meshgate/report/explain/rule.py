"""Which DestinationRule applies: the places where Istio looks, and what becomes of every rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.effect.describe import owner
from meshgate.mesh import DataPlane, Fate, Place, Step
from meshgate.report.explain.explanation import Case, Chapter, Statement

TITLE = "Which DestinationRule applies"
LAW = (
    "Istio asks three places, and the first one with a rule for the host decides: the namespace of "
    "the client, of the service, and the root namespace. A wildcard in an earlier place beats an "
    "exact host in a later one; rules of two hosts are never merged."
)
# `{0}` is the rule that beats this one, `{1}` the client's namespace, `{2}` the rule's.
FATES = {
    Fate.WINS: "decides",
    Fate.MERGED: "merged into {0}: only what that one leaves open counts",
    Fate.REPLACED: "replaced by {0}, which has the same host, another exportTo and comes later",
    Fate.SELECTOR: "its workloadSelector leaves this client out",
    Fate.SWALLOWED: "merged into {0}, which this client does not get",
    Fate.LESS_SPECIFIC: "wider than {0}, and so not looked at",
    Fate.HIDDEN: "hidden, since {0} has answered already",
    Fate.NOT_EXPORTED: "not exported to namespace {1}",
    Fate.OFF_PATH: "never found, since {2} is none of the three namespaces",
}


def which_rule(case: Case) -> Chapter:
    """What the client finds in each place, what decides, and what that hides."""
    plane = case.client.plane
    if plane is DataPlane.UNKNOWN:
        return Chapter(TITLE, (Statement("Not known: only a sidecar or a gateway reads them."),))
    if plane not in {DataPlane.SIDECAR, DataPlane.GATEWAY}:
        return Chapter(
            TITLE, (Statement("None: only a sidecar or a gateway reads DestinationRules."),)
        )
    if case.policy.discovery is None:
        return Chapter(
            TITLE, (Statement(f"None: {case.policy.reason or 'its proxy is bypassed'}."),)
        )
    return Chapter(TITLE, tuple(_lines(case)))


def _lines(case: Case) -> Iterator[Statement]:
    yield Statement(LAW)
    by_place: dict[Place, list[Step]] = {}
    for step in case.why.lookup:
        by_place.setdefault(step.place, []).append(step)
    for number, (place, name) in enumerate(_places(case, by_place), 1):
        if place in by_place:
            yield Statement(f"{number}. {name}:")
            yield from (_step(case, step) for step in by_place[place])
        else:
            yield Statement(f"{number}. {name}: no rule for this host.")
    yield from _elsewhere(case, by_place.get(Place.NOWHERE, ()))
    if case.policy.alternatives:
        yield Statement(f"Another order of creation gives another answer: {case.policy.reason}.")
    elif case.policy.entry is None:
        yield Statement("So no rule applies.")


def _places(case: Case, by_place: dict[Place, list[Step]]) -> Iterator[tuple[Place, str]]:
    """The places that are asked, by name; one namespace is named once."""
    root = case.view.mesh.rules.root
    client, service = case.client.namespace, case.service.namespace
    if client == root:
        yield Place.CLIENT, f"Private rules of {client}, which is the root namespace"
    elif client == service and Place.SERVICE not in by_place:
        yield Place.CLIENT, f"Namespace {client}, of client and service"
    else:
        yield Place.CLIENT, f"Namespace {client}, of the client"
    if (service not in {client, root}) or Place.SERVICE in by_place:
        yield Place.SERVICE, f"Namespace {service}, of the service"
    if service != root or Place.SERVICE not in by_place:
        yield Place.ROOT, f"Root namespace {root}"


def _step(case: Case, step: Step) -> Statement:
    """What became of one rule."""
    rule = step.rule
    by = owner(step.by) if step.by is not None else "another rule"
    fate = FATES[step.fate].format(by, case.client.namespace, rule.namespace or "default")
    wins = step.fate is Fate.WINS
    return Statement(
        f"   {owner(rule)} (host {step.host}){' ' if wins else ': '}{fate}.",
        case.view.locate(rule, "spec.host"),
        "decides" if wins else "hidden",
    )


def _elsewhere(case: Case, steps: Sequence[Step]) -> Iterator[Statement]:
    """Rules for the very host where nobody looks; wildcards there are only counted."""
    exact = [step for step in steps if step.host == case.service.host]
    if exact:
        yield Statement("Elsewhere:")
        yield from (_step(case, step) for step in exact)
    wide = len(steps) - len(exact)
    if wide:
        other = (
            "wildcard rules that cover it are" if wide > 1 else "wildcard rule that covers it is"
        )
        yield Statement(
            f"{wide} {other} in namespaces where this client does not look.", mark="hidden"
        )
