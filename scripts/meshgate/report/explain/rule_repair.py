"""The DestinationRule that decides a call, and the one that would repair it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Fate, Place, Tls
from meshgate.model import Resource, value_at
from meshgate.report.explain import manifests
from meshgate.report.explain.explanation import CallRepair, Case


def mode_of_rule(case: Case) -> tuple[Resource | None, str]:
    """The rule that decides, and where in it the mode for this port stands, or belongs."""
    source = case.why.tls
    if source is not None:
        return source.rule, f"{source.path}.mode"
    rules = case.policy.rules
    return (rules[0], "spec.trafficPolicy.tls.mode") if rules else (None, "")


def decides_for_more(case: Case) -> bool:
    """Whether the rule that decides is for more hosts than this one."""
    return bool(case.policy.rule_host) and case.policy.rule_host != case.service.host


def hidden_exceptions(case: Case) -> Iterator[Resource]:
    """Rules that turn TLS off for the very host, and would be found but for the deciding one."""
    for step in case.why.lookup:
        if (
            step.fate in {Fate.HIDDEN, Fate.REPLACED}
            and step.host == case.service.host
            and value_at(step.rule.value, "spec.trafficPolicy.tls.mode") == Tls.DISABLE
        ):
            yield step.rule


def rule_namespace(case: Case) -> str:
    """The namespace whose rule decides now: an exact host there wins over its wildcard."""
    places = {
        Place.CLIENT: case.client.namespace,
        Place.SERVICE: case.service.namespace,
        Place.ROOT: case.view.mesh.rules.root,
    }
    return places.get(case.policy.place, case.service.namespace)


def has_own_rule(case: Case) -> bool:
    """Whether a rule for the very host stands where a new one would: they would be merged."""
    return any(
        rule.host == case.service.host and rule.resource.namespace == rule_namespace(case)
        for rule in case.view.mesh.rules.covering(case.service.host)
    )


def exact_rule(case: Case, mode: str) -> str:
    """A rule for the very host, where it wins."""
    service = case.service
    return manifests.destination_rule(service.name, rule_namespace(case), service.host, mode)


def mutual_rule(case: Case, text: str) -> CallRepair:
    """A rule with mesh mTLS for the very host, unless it would be merged with one that is there."""
    if not has_own_rule(case):
        return CallRepair(text, exact_rule(case, "ISTIO_MUTUAL"))
    return CallRepair(
        f"Let one rule for {case.service.host} in namespace {rule_namespace(case)} reach this "
        "client (exportTo, workloadSelector) and say ISTIO_MUTUAL: a second one would be merged "
        "with it."
    )
