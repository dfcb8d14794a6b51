"""What findings and `explain` advise is applied: it mends what it names and breaks nothing.

`nox -s repairs` tries 2000 random meshes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Steps

import rule_cases
from meshgate.model import Environment
from random_meshes import objects
from stated_repairs import State, Tally, try_all

SUPPORT = Path(__file__).parents[1] / "support"
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


DRAWN = """
import hashlib, json
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_meshes import objects

drawn = hashlib.sha256()

@seed(1)
@settings(max_examples=20, database=None, deadline=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))
@given(objects())
def each(found):
    drawn.update(json.dumps(found).encode())

each()
print(drawn.hexdigest())
"""


@pytest.mark.whole
def test_a_seed_draws_the_same_meshes_in_every_process() -> None:
    drawn = set()
    for order in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": order, "PYTHONPATH": str(SUPPORT)}
        done = subprocess.run(
            [sys.executable, "-c", DRAWN], env=environment, capture_output=True, check=True
        )
        drawn.add(done.stdout)
    assert len(drawn) == 1


# Cases whose advice meets another rule, or that no mode mends.
ALWAYS = frozenset(
    {
        "AZ019/denied-with-the-policy-named",
        "AZ019/probe-that-no-policy-lets-in",
        "CA001/client-that-bypasses-its-proxy",
        "CA015/tcp-service-beside-an-older-http-one",
        "VS003/delegate-that-is-not-there",
        "VS003/namesake-that-a-sidecar-hides",
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
