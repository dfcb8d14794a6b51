"""What holds of the rules for any policies, found or refuted by random ones."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TODAY
from meshgate.model import Environment, Finding, Floor, MeshFacts, Resource, ResourceIndex
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge

ROOT = "istio-system"
# Nobody writes a policy for it: what holds there is the mesh-wide mode.
FRESH = "fresh"
LABELS: tuple[dict[str, str], ...] = ({}, {"app": "a"}, {"app": "b"}, {"app": "a", "version": "v1"})
MODES = ("UNSET", "DISABLE", "PERMISSIVE", "STRICT")
STRENGTH = {"DISABLE": 0, "PERMISSIVE": 1, "STRICT": 2}
PORT, OTHER_PORT = "8080", "9090"

MODE_RULES = [rule for rule in RULES if rule.id in {"PA001", "PA002", "PA007"}]


class Policy(NamedTuple):
    """What makes a PeerAuthentication of these tests."""

    namespace: str
    labels: dict[str, str]
    mode: str | None
    port_mode: str | None

    def resource(self, name: str) -> Resource:
        spec: dict[str, object] = {}
        if self.labels:
            spec["selector"] = {"matchLabels": self.labels}
        if self.mode:
            spec["mtls"] = {"mode": self.mode}
        if self.port_mode and self.labels:
            spec["portLevelMtls"] = {PORT: {"mode": self.port_mode}}
        return peer_authentication(self.namespace, name, spec)


def peer_authentication(namespace: str, name: str, spec: dict[str, object]) -> Resource:
    return Resource.of(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"namespace": namespace, "name": name},
            "spec": spec,
        }
    )


POLICIES = st.lists(
    st.builds(
        Policy,
        namespace=st.sampled_from([ROOT, "boards", "reports"]),
        labels=st.sampled_from(LABELS),
        mode=st.sampled_from([None, *MODES]),
        port_mode=st.sampled_from([None, *MODES]),
    ),
    max_size=5,
)
FLOORS = st.sampled_from(["STRICT", "PERMISSIVE"])


def named(policies: Iterable[Policy]) -> list[Resource]:
    return [policy.resource(f"p{number}") for number, policy in enumerate(policies)]


def findings(
    resources: Sequence[Resource],
    floor: str = "STRICT",
    rules: Sequence[object] = RULES,
    *,
    complete: bool = True,
    facts: MeshFacts | None = None,
) -> list[Finding]:
    context = Context(
        environment=Environment(name="prod", mesh=facts or MeshFacts(), require=Floor(mtls=floor)),
        resources=ResourceIndex(resources),
        today=datetime.date.fromisoformat(TODAY),
        rendered=tuple(r for r in resources if not r.foreign),
        complete=complete,
    )
    return judge(context, [rule for rule in RULES if rule in rules], lambda *_: None)


def enforced(policies: Iterable[Policy], namespace: str, labels: dict[str, str], port: str) -> str:
    """The mode of one pod's port, with the policies in the order they were created (istiod's)."""
    mesh = scope = workload = None
    for policy in policies:
        if not policy.labels:
            if policy.namespace == ROOT:
                mesh = mesh or policy
            elif policy.namespace == namespace:
                scope = scope or policy
        elif policy.namespace == namespace != ROOT and policy.labels.items() <= labels.items():
            workload = workload or policy
    mode = "PERMISSIVE"
    for policy_ in (mesh, scope, workload):
        if policy_ and policy_.mode not in (None, "UNSET"):
            mode = str(policy_.mode)
    if workload and port == PORT and workload.port_mode not in (None, "UNSET"):
        return str(workload.port_mode)
    return mode


def all_enforced(policies: Sequence[Policy]) -> Iterator[str]:
    """The modes of every kind of pod, whatever order the policies were created in."""
    for order in itertools.permutations(policies):
        for namespace, labels, port in itertools.product(
            ("boards", "reports", FRESH), LABELS, (PORT, OTHER_PORT)
        ):
            yield enforced(order, namespace, labels, port)


@given(POLICIES, FLOORS)
def test_a_finding_is_there_just_when_some_pod_is_weaker_than_the_floor(
    policies: list[Policy], floor: str
) -> None:
    weak = any(STRENGTH[mode] < STRENGTH[floor] for mode in all_enforced(policies))

    assert bool(findings(named(policies), floor, MODE_RULES)) == weak


@given(POLICIES, st.randoms(use_true_random=False))
def test_order_of_documents_does_not_matter(policies: list[Policy], random: object) -> None:
    resources = named(policies)
    shuffled = resources.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis

    assert findings(shuffled) == findings(resources)


@given(POLICIES)
def test_other_kinds_are_ignored(policies: list[Policy]) -> None:
    resources = named(policies)
    others = [
        Resource.of({**resource.value, "kind": kind, "apiVersion": version})
        for resource, (kind, version) in zip(
            resources,
            itertools.cycle(
                [("ConfigMap", "v1"), ("RequestAuthentication", "security.istio.io/v1")]
            ),
            strict=False,
        )
    ]

    assert findings([*others, *resources]) == findings(resources)


@given(POLICIES, FLOORS, st.data())
def test_strict_never_adds_a_finding(
    policies: list[Policy], floor: str, data: st.DataObject
) -> None:
    if not policies:
        return
    chosen = data.draw(st.integers(0, len(policies) - 1))
    policy = policies[chosen]
    tightened = policies.copy()
    tightened[chosen] = data.draw(
        st.sampled_from([policy._replace(mode="STRICT"), policy._replace(port_mode="STRICT")])
    )

    before, after = (places(findings(named(p), floor, MODE_RULES)) for p in (policies, tightened))

    assert after <= before


def places(found: Iterable[Finding]) -> set[tuple[str, str]]:
    """What is told of which object; a mode's path depends on whether it is written."""
    return {
        (str(finding.resource), finding.path if finding.rule == "PA002" else finding.rule)
        for finding in found
    }


LOOSE = Policy("boards", {}, "UNSET", None)


def test_loose_files_do_not_tell_what_unset_inherits() -> None:
    (finding,) = findings(named([LOOSE]), complete=False)

    assert (finding.rule, finding.decided, finding.severity) == ("PA001", False, "warning")


def test_loose_files_do_not_tell_that_the_mesh_wide_policy_is_missing() -> None:
    strict = named([LOOSE._replace(mode="STRICT")])

    assert findings(strict, complete=False) == []
    assert [finding.rule for finding in findings(strict)] == ["PA007"]


def test_loose_files_that_hold_the_mesh_wide_policy_tell_both() -> None:
    strict = named([LOOSE, Policy(ROOT, {}, "STRICT", None)])
    permissive = named([LOOSE, Policy(ROOT, {}, "PERMISSIVE", None)])

    assert findings(strict, complete=False) == []
    assert [finding.rule for finding in findings(permissive, complete=False)] == ["PA001"]


def test_the_missing_policy_is_told_where_it_is_to_be_added() -> None:
    context = Context(
        environment=Environment(name="prod", overlay="overlays/prod/"),
        resources=ResourceIndex(()),
        today=datetime.date.fromisoformat(TODAY),
    )

    (finding,) = judge(context, MODE_RULES, lambda *_: None)

    assert str(finding.resource) == "PeerAuthentication/istio-system/default"
    assert finding.source == ("overlays/prod/kustomization.yaml", 1, 1)


def test_an_overlay_brings_no_workloads_where_they_are_not_allowed() -> None:
    service = Resource.of(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "boards"}}
    )

    def told(overlay: str) -> list[str]:
        context = Context(
            environment=Environment(
                overlay=overlay, name="prod", require=Floor(kinds=("Gateway",))
            ),
            resources=ResourceIndex([service]),
            today=datetime.date.fromisoformat(TODAY),
            rendered=(service,),
        )
        rules = [rule for rule in RULES if rule.id == "SH008"]
        return [str(finding.resource) for finding in judge(context, rules, lambda *_: None)]

    assert told("overlays/prod") == ["Service/boards/a"]
    assert told("") == []


def test_many_policies_of_one_namespace_cost_no_more_than_their_number() -> None:
    count = 3000
    crowd = [
        peer_authentication(
            "boards",
            f"p{number}",
            {"selector": {"matchLabels": {"app": f"a{number}", "tier": "web", "zone": "z"}}}
            if number % 2
            else {"mtls": {"mode": "STRICT" if number % 4 else "UNSET"}},
        )
        for number in range(count)
    ]
    mesh_wide = Policy(ROOT, {}, "STRICT", None).resource("default")

    found = findings([mesh_wide, *crowd])

    # One conflict for the namespace, and each policy without a mode that may block the others.
    assert {finding.rule for finding in found} == {"PA003", "PA008"}
    assert sum(finding.rule == "PA003" for finding in found) == 1
    assert sum(finding.rule == "PA008" for finding in found) == count // 4


@pytest.mark.parametrize("stamp", ["yesterday", "", "0001-01-01T00:00:00+14:00", 7, None])
def test_a_time_that_is_none_leaves_the_order_unknown(stamp: object) -> None:
    strict, weak = named([LOOSE._replace(mode="STRICT"), LOOSE._replace(mode="PERMISSIVE")])
    strict.metadata["creationTimestamp"] = stamp
    weak.metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"

    rules = [finding.rule for finding in findings([strict, weak], complete=False)]

    # A time that was written by hand is for the API server to set (RE008).
    assert [rule for rule in rules if rule != "RE008"] == ["PA001", "PA003"]
