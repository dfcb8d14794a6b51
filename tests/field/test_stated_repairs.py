"""What findings and `explain` advise is applied: it mends what it names and breaks nothing.

`nox -s repairs` tries 2000 random meshes.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Steps

import rule_cases
from meshgate.model import Environment
from random_meshes import objects
from stated_repairs import State, Tally, try_all

MESHES = int(os.environ.get("REPAIRS", "5"))
# Of the cases of rules every so many; all of them on demand.
EVERY = 1 if "REPAIRS" in os.environ else 40


def test_of_random_meshes() -> None:
    tally = Tally()

    @seed(int(os.environ.get("REPAIRS_SEED", "1")))
    @settings(
        max_examples=MESHES,
        database=None,
        deadline=None,
        phases=[Steps.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(objects())
    def tried(found: list[dict[str, object]]) -> None:
        try_all(State(tuple((each, False) for each in found), Environment(name="prod")), tally)

    tried()
    print(tally)
    assert tally.tried
    assert tally.faults == []


# Cases whose advice meets another rule, or that no mode mends.
ALWAYS = frozenset(
    {
        "AZ019/denied-with-the-policy-named",
        "AZ019/probe-that-no-policy-lets-in",
        "CA001/client-that-bypasses-its-proxy",
        "CA015/tcp-service-beside-an-older-http-one",
        "VS003/delegate-that-is-not-there",
    }
)


def test_of_the_cases_of_all_rules() -> None:
    tally = Tally()
    every = rule_cases.cases()
    always = [each for each in every if f"{each.parent.name}/{each.name}" in ALWAYS]
    assert len(always) == len(ALWAYS)
    for folder in dict.fromkeys([*every[::EVERY], *always]):
        context = rule_cases.context_of(folder)
        if context.mesh is not None:
            given_objects = ((each.value, each.foreign) for each in context.resources.all)
            try_all(State(tuple(given_objects), context.environment), tally)

    print(tally)
    assert tally.tried
    assert tally.faults == []
