"""The DestinationRule rules say what the mesh model shows, on meshes that nobody made for them."""

from __future__ import annotations

import copy
import datetime
import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from conformance.compare import Row, cases, mesh_of
from conftest import TODAY
from meshgate.mesh import ClientPolicy, DataPlane, Mesh, MeshMembership, Service, Tls, Workload
from meshgate.mesh.explain import Fate
from meshgate.mesh.hosts import is_subset
from meshgate.model import Environment, Finding, Resource, ResourceIndex
from meshgate.rules import RULES, dr012_wildcard_reaches_outside, inventory, shadowing
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context
from meshgate.rules.judge import judge
from places import TESTS
from samples import sample

CONFORMANCE = TESTS / "conformance"
# Random meshes enough to hold every shape; the named ones are all taken.
MOST = sample(160, 40)
BY_ID = {rule.id: rule for rule in RULES}

Answer = tuple[object, ...]


class Judged(NamedTuple):
    """One mesh with what the family says of it."""

    case: Row
    mesh: Mesh
    context: Context
    findings: dict[str, list[Finding]]

    def told(self, rule: str, *, decided: bool = True) -> set[tuple[str | None, str]]:
        """Namespace and name of the objects that a rule tells of."""
        return {
            (finding.resource.namespace, finding.resource.name)
            for finding in self.findings[rule]
            if finding.resource and finding.decided >= decided
        }


def judged(case: Row) -> Judged:
    mesh = mesh_of(case)
    resources = [rule.resource for rule in mesh.rules.all.values()]
    resources += [service.resource for service in mesh.services]
    context = Context(
        environment=Environment(name="prod", mesh=mesh.facts),
        resources=ResourceIndex({id(each): each for each in resources}.values()),
        today=datetime.date.fromisoformat(TODAY),
        mesh=mesh,
    )
    asked = [rule for rule in RULES if rule.id.startswith("DR")]
    found: dict[str, list[Finding]] = {rule.id: [] for rule in asked}
    for finding in judge(context, asked, lambda *_: None):
        found[finding.rule].append(finding)
    return Judged(case, mesh, context, found)


@pytest.fixture(scope="module")
def meshes() -> list[Judged]:
    named = cases(CONFORMANCE / "hand.jsonl.gz")
    drawn = itertools.islice(cases(CONFORMANCE / "dev.jsonl.gz"), MOST)
    return [judged(case) for case in (*named, *drawn)]


def answers(mesh: Mesh) -> Iterator[tuple[Workload, Service, ClientPolicy]]:
    """What one client of each class that reads rules uses for every service it can see."""
    for each in mesh.clients.classes:
        if each.plane is not DataPlane.SIDECAR:
            continue
        client = each.members[0]
        for service in mesh.services:
            for port in service.ports:
                try:
                    yield client, service, mesh.client_policy(client, service.host, port.number)
                except LookupError:
                    continue


def meaning(policy: ClientPolicy) -> Answer:
    """What a client makes of its rules, down to the settings that have nothing to do with TLS."""
    given = [resource.spec.get("trafficPolicy") for resource in policy.rules]
    subsets: dict[str, object] = {}
    for resource in policy.rules:
        for subset in resource.spec.get("subsets") or ():
            subsets.setdefault(subset["name"], subset)
    return next((each for each in given if each is not None), None), subsets


def key(resource: Resource) -> tuple[str | None, str]:
    return resource.namespace, resource.name


def reordered(case: Row, chance: random.Random) -> Row:
    """The same mesh, its DestinationRules created in another order."""
    changed = copy.deepcopy(case)
    for value in changed["resources"]:
        if value["kind"] == "DestinationRule":
            second = chance.randrange(86400)
            stamp = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
            stamp += datetime.timedelta(seconds=second)
            value["metadata"]["creationTimestamp"] = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
    return changed


def test_where_no_conflict_is_told_the_order_of_creation_decides_nothing(
    meshes: list[Judged],
) -> None:
    chance = random.Random(7)
    conflicts = 0
    for each in meshes:
        told = each.told("DR002", decided=False)
        conflicts += len(told)
        contended = {
            (rule.namespace, rule.host)
            for rule in each.mesh.rules.all.values()
            if key(rule.resource) in told
        }
        before = {
            (str(client), service.host, policy.port.number): (policy, meaning(policy))
            for client, service, policy in answers(each.mesh)
        }
        for _ in range(3):
            for client, service, policy in answers(mesh_of(reordered(each.case, chance))):
                old, expected = before[str(client), service.host, policy.port.number]
                groups = {
                    (resource.namespace, found.rule_host)
                    for found in (old, policy)
                    for resource in found.rules
                }
                assert groups & contended or meaning(policy) == expected, each.case["id"]
    assert conflicts


def test_a_rule_that_is_said_to_match_nothing_is_used_by_nobody(meshes: list[Judged]) -> None:
    idle = 0
    for each in meshes:
        told = each.told("DR004") | each.told("DR005") | each.told("DR006")
        idle += len(told)
        used = {key(resource) for *_, policy in answers(each.mesh) for resource in policy.rules}

        assert not told & used, each.case["id"]
    assert idle


def test_hosts_that_were_made_to_match_nothing_are_told(meshes: list[Judged]) -> None:
    made = 0
    for each in meshes:
        told = each.told("DR004", decided=False) | each.told("DR005", decided=False)
        for name in each.case.get("neverMatch", ()):
            made += 1
            assert tuple(name.split("/")) in told, (each.case["id"], name)
    assert made


def test_a_wildcard_is_told_exactly_where_it_reaches_outside(meshes: list[Judged]) -> None:
    reached = 0
    for each in meshes:
        listed = {service.host for service in each.mesh.services}
        told = {
            (violation.resource.namespace, violation.resource.name, violation.key)
            for violation in dr012_wildcard_reaches_outside.check(each.context)
            if violation.resource and violation.key in listed
        }
        shown = {
            (*deciding(policy), service.host)
            for _, service, policy in answers(each.mesh)
            if each.mesh.membership(service) is MeshMembership.OUTSIDE
            and policy.tls is Tls.ISTIO_MUTUAL
            and policy.rule_host.startswith("*")
        }
        reached += len(shown)

        assert told == shown, each.case["id"]
    assert reached


def deciding(policy: ClientPolicy) -> tuple[str | None, str]:
    return key(next(each for each in policy.rules if each.spec.get("trafficPolicy") is not None))


def test_a_shadow_lies_where_clients_get_the_less_specific_rule(meshes: list[Judged]) -> None:
    lying = 0
    for each in meshes:
        known = inventory.of(each.context)
        assert known is not None
        cast = {
            (id(shadow.hidden.resource), shadow.clients, shadow.service.host)
            for shadow in shadowing.shadows(known)
        }
        for client, service, policy in answers(each.mesh):
            used = {id(resource) for resource in policy.rules}
            hidden = {
                rule
                for rule, clients, host in cast
                if host == service.host and clients == client.namespace
            }
            lying += len(hidden)
            assert not hidden & used, each.case["id"]
    assert lying


def test_every_more_specific_rule_that_a_client_misses_lies_in_a_shadow(
    meshes: list[Judged],
) -> None:
    missed = 0
    for each in meshes:
        known = inventory.of(each.context)
        assert known is not None
        cast = {(id(s.hidden.resource), s.service.host) for s in shadowing.shadows(known)}
        for client, service, policy in answers(each.mesh):
            for rule in hidden_rules(each.mesh, client, policy):
                missed += 1
                assert (id(rule), service.host) in cast, (each.case["id"], str(client), key(rule))
    assert missed


def hidden_rules(mesh: Mesh, client: Workload, policy: ClientPolicy) -> Iterator[Resource]:
    """What a client would get next, where it is more specific and says something else."""
    lookup = mesh.explain(client, policy.service.host, policy.port.number).lookup
    hidden = [step for step in lookup if step.fate is Fate.HIDDEN]
    for step in hidden:
        if (step.place, step.host) != (hidden[0].place, hidden[0].host) or not policy.rules:
            continue
        narrower = step.host != policy.rule_host and is_subset(step.host, policy.rule_host)
        if narrower and any(
            resource.spec.get(part) != step.rule.spec.get(part)
            for resource in policy.rules
            for part in ("trafficPolicy", "subsets")
        ):
            yield step.rule


def test_no_client_notices_an_export_that_is_said_to_widen_nothing(meshes: list[Judged]) -> None:
    useless = 0
    for each in meshes:
        for told in each.told("DR018"):
            useless += 1
            changed = copy.deepcopy(each.case)
            for value in changed["resources"]:
                if value["kind"] == "DestinationRule" and told == (
                    value["metadata"]["namespace"],
                    value["metadata"]["name"],
                ):
                    value["spec"]["exportTo"] = ["."]
            rivals = [rule for rule in each.mesh.rules.all.values() if rule.namespace == told[0]]
            if len({rule.host for rule in rivals}) < len(rivals):
                continue  # another exportTo also changes how same-host rules are merged
            before = [meaning(policy) for *_, policy in answers(each.mesh)]

            assert [meaning(policy) for *_, policy in answers(mesh_of(changed))] == before
    assert useless


def test_tls_that_is_said_to_be_dropped_reaches_a_sidecar(meshes: list[Judged]) -> None:
    dropped = 0
    for each in meshes:
        used = {key(resource) for *_, policy in answers(each.mesh) for resource in policy.rules}
        lost = {
            key(resource)
            for *_, policy in answers(each.mesh)
            if policy.dropped
            for resource in policy.rules
        }
        told = each.told("DR011")
        dropped += len(told)

        assert told <= used, each.case["id"]
        secret = {
            key(r) for r in each.context.resources.of(dr.KIND) if "credentialName" in str(r.spec)
        }
        root = each.mesh.facts.root_namespace
        assert {rule for rule in lost & secret if rule[0] != root} <= told, each.case["id"]
    assert dropped
