"""What is told of seen calls, closed workloads, rehearsals and policies that cannot be judged."""

from __future__ import annotations

import pytest

from meshes import (
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    peer_authentication,
    service,
    shop,
    thing,
)
from meshgate.effect import CallChange, Effect, Strength, effect
from meshgate.effect.closures import Closure
from meshgate.effect.outcomes import OutcomesByPort, SeenOutcome
from meshgate.mesh import Mesh, Mode, Outcome, Transport, Verdict
from meshgate.model import SeenSecurity

MTLS, PLAIN = frozenset({Transport.MTLS}), frozenset({Transport.PLAINTEXT})
NONE, MUTUAL = SeenSecurity.NONE, SeenSecurity.MUTUAL_TLS


@pytest.mark.parametrize(
    ("verdict", "transports", "security", "fits", "gainsays"),
    [
        (Verdict.WORKS, MTLS, MUTUAL, True, False),
        (Verdict.WORKS, MTLS, NONE, False, True),
        (Verdict.WORKS, PLAIN, MUTUAL, False, True),
        (Verdict.WORKS, PLAIN, NONE, True, False),
        (Verdict.WORKS, MTLS | PLAIN, NONE, True, False),
        (Verdict.WORKS, frozenset(), NONE, True, False),
        (Verdict.BROKEN, PLAIN, NONE, False, False),
        (Verdict.UNKNOWN, frozenset(), MUTUAL, True, False),
        (Verdict.WORKS, MTLS, SeenSecurity.UNKNOWN, True, False),
    ],
)
def test_a_call_can_have_been_seen_as_the_mesh_sends_it(
    verdict: Verdict,
    transports: frozenset[Transport],
    security: SeenSecurity,
    *,
    fits: bool,
    gainsays: bool,
) -> None:
    outcome = SeenOutcome(verdict, transports=transports)

    assert (outcome.fits(security), outcome.gainsays(security)) == (fits, gainsays)


WORKS = SeenOutcome(Verdict.WORKS, (Outcome.OK_MTLS,), MTLS)
PLAINTEXT = SeenOutcome(Verdict.WORKS, (Outcome.OK_PLAINTEXT,), PLAIN, "why", 2)
REFUSED = SeenOutcome(Verdict.BROKEN, (Outcome.REFUSED,), PLAIN)
NOBODY = SeenOutcome(Verdict.UNKNOWN)


def test_one_end_is_told_of_the_ports_that_may_have_been_called() -> None:
    ports = OutcomesByPort({80: WORKS, 81: PLAINTEXT, 82: REFUSED, 83: NOBODY})
    joined = SeenOutcome(
        Verdict.WORKS, (Outcome.OK_MTLS, Outcome.OK_PLAINTEXT), MTLS | PLAIN, "why", 2
    )

    assert ports.at([80]) == WORKS
    assert ports.at([80, 81]) == joined
    assert OutcomesByPort({81: PLAINTEXT, 80: WORKS}).at(None).lost == 2
    open_ = ports.at(None)
    assert open_.verdict is Verdict.UNKNOWN
    assert open_.reason == (
        "which port was called is not known: "
        "ok-mtls on 80; ok-plaintext on 81; refused on 82; unknown on 83"
    )
    assert open_.transports == MTLS | PLAIN
    assert open_.outcomes == (Outcome.OK_MTLS, Outcome.OK_PLAINTEXT, Outcome.REFUSED)


def test_a_port_that_is_gone_leaves_the_end_open() -> None:
    ports = OutcomesByPort({80: WORKS})

    assert ports.at([80, 81, 82]).reason == "there is no port 81, 82 any more"
    assert ports.at([81]).verdict is Verdict.UNKNOWN
    assert OutcomesByPort(reason="no such host").at([80]) == SeenOutcome(
        Verdict.UNKNOWN, reason="no such host"
    )


def allowing(name: str, place: str = "b", **spec: object) -> Object:
    rule = {"from": [{"source": {"namespaces": ["a"]}}]}
    own = {"rules": [rule], **spec}
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, place, spec=own)


def closures(before: list[Object], after: list[Object]) -> list[tuple[str, bool, list[str]]]:
    found = effect(shop(*before), shop(*after)).closures
    assert all(isinstance(each, Closure) for each in found)
    return [
        (each.workload.name, each.closes, [policy.name for policy in each.policies])
        for each in found
    ]


def test_the_first_and_the_last_allow_policy_close_and_open() -> None:
    one, two = allowing("one"), allowing("two")
    dry = allowing("dry")
    dry["metadata"]["annotations"] = {"istio.io/dry-run": "true"}

    assert closures([], [one]) == [("cart", True, ["one"])]
    assert closures([one, two], []) == [("cart", False, ["one", "two"])]
    assert closures([one], [two]) == []
    assert closures([one], [one, two]) == []
    assert closures([], []) == []
    assert closures([], [allowing("no", action="DENY")]) == []
    assert closures([], [dry]) == []
    # A client without a proxy is under no policy.
    assert closures([], [allowing("everywhere", "a")]) == [("ui", True, ["everywhere"])]


def exercised(*upstream: Object) -> list[tuple[str, str]]:
    """What the environment before has not been through of STRICT, and what is so there."""
    strict = peer_authentication("default", "b", "STRICT")
    found = effect(shop(), shop(strict), upstream={"staging": mesh(*upstream)})
    return [
        (
            f"{change.host}:{change.port}" if isinstance(change, CallChange) else str(change),
            each.there,
        )
        for each in found.unexercised
        for change in [each.change]
    ]


def test_what_is_so_in_the_environment_before_was_exercised() -> None:
    strict = peer_authentication("default", "b", "STRICT")
    there = [namespace("b"), namespace("a"), deployment("cart", "b"), service("cart", "b")]
    outside = deployment("old", "a", {"app": "old", "sidecar.istio.io/inject": "false"})
    weak = peer_authentication("default", "b", "PERMISSIVE")

    assert exercised(*there, outside, strict) == []
    # The port, and the call of a client without a proxy that is refused now.
    assert exercised(*there, outside, weak) == [
        ("b/cart:8080", "PERMISSIVE"),
        ("cart.b.svc.cluster.local:80", "ok-mtls, ok-plaintext"),
    ]
    assert exercised(outside) == [("b/cart:8080", ""), ("cart.b.svc.cluster.local:80", "")]


def undecided(before: list[Object], after: list[Object], **facts: object) -> list[tuple[str, str]]:
    found = effect(shop(*before, **facts), shop(*after, **facts))
    assert isinstance(found, Effect)
    return [(each.policy.name, each.reason) for each in found.open_policies]


def test_a_policy_of_a_namespace_that_nobody_knows_is_undecided() -> None:
    def about(place: str) -> list[Object]:
        return [
            peer_authentication("peer", place, "STRICT"),
            destination_rule("rule", "b", f"x.{place}.svc.cluster.local", "DISABLE"),
            allowing("allow", place),
        ]

    reason = "the inventory knows nothing of namespace ghost"
    named = [("peer", reason), ("rule", reason), ("allow", reason)]
    assert undecided([], about("ghost")) == named
    assert undecided(about("ghost"), []) == named
    assert undecided(about("ghost"), about("ghost")) == []
    assert undecided([], about("b")) == []
    wide = peer_authentication("peer", "istio-system", "STRICT")
    assert undecided([], [wide, allowing("allow", "istio-system")]) == []
    hosts = ("*.svc.cluster.local", "x.ghost.svc.other.domain", "example.com")
    assert undecided([], [destination_rule(f"r{n}", "b", h) for n, h in enumerate(hosts)]) == []
    edited = peer_authentication("peer", "ghost", "PERMISSIVE")
    assert undecided(about("ghost")[:1], [edited]) == named[:1]


def filtering(name: str = "filter", place: str = "b", value: str = "x") -> Object:
    patch = {"applyTo": "HTTP_FILTER", "patch": {"operation": "ADD", "value": {"a": value}}}
    return istio("EnvoyFilter", name, place, configPatches=[patch], age=1)


def test_an_object_that_is_not_read_is_undecided_where_it_covers_something() -> None:
    (changed,) = undecided([], [filtering()])
    assert changed[0] == "filter"
    assert changed[1].startswith("it ")
    assert changed[1].endswith(": b/cart")
    assert undecided([filtering()], [filtering()]) == []
    assert undecided([filtering()], [filtering(value="y")]) == [changed]
    (ghost,) = undecided([], [filtering(place="ghost")])
    assert ghost == ("filter", "the inventory knows nothing of namespace ghost")


def crowd(count: int) -> Mesh:
    servers = [deployment(f"s{number}", "b") for number in range(count)]
    return mesh(namespace("b"), *servers)


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "b/s0"),
        (3, "b/s0, b/s1, b/s2"),
        (4, "b/s0, b/s1, b/s2 and 1 more"),
    ],
)
def test_few_of_what_an_object_covers_are_named(count: int, named: str) -> None:
    before = crowd(count)
    after = mesh(namespace("b"), *(deployment(f"s{n}", "b") for n in range(count)), filtering())

    (policy,) = effect(before, after).open_policies

    assert policy.reason.rpartition(": ")[2] == named
    assert policy.unread


def test_without_an_inventory_nothing_tells_what_an_object_covers() -> None:
    (policy,) = effect(mesh(), mesh(filtering())).open_policies

    assert policy.unread
    assert ":" not in policy.reason


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("DISABLE", "PERMISSIVE", [Strength.TIGHTENED]),
        ("PERMISSIVE", "STRICT", [Strength.TIGHTENED]),
        ("STRICT", "DISABLE", [Strength.LOOSENED]),
        ("STRICT", "STRICT", []),
    ],
)
def test_a_port_gets_stricter_or_weaker(old: str, new: str, expected: list[Strength]) -> None:
    sides = [shop(peer_authentication("default", "b", each)) for each in (old, new)]
    found = effect(*sides)

    assert [each.change for each in found.ports] == expected
    assert not found.open_ports


def test_a_port_that_may_change_is_undecided_and_told_as_the_gravest() -> None:
    """Two policies of one age: which is the older one, no file tells."""
    strict, weak = (
        peer_authentication(name, "b", mode, age=None)
        for name, mode in (("x", "STRICT"), ("y", "PERMISSIVE"))
    )
    alone = shop(strict)

    (weaker,) = effect(alone, shop(strict, weak)).open_ports
    assert (weaker.change, weaker.decided) == (Strength.LOOSENED, False)
    assert weaker.reason
    assert set(weaker.after.modes) == {Mode.STRICT, Mode.PERMISSIVE}
    assert not effect(shop(strict, weak), shop(strict, weak)).open_ports
    (stricter,) = effect(shop(strict, weak), alone).open_ports
    assert stricter.change is Strength.TIGHTENED
