"""kill -9 after every step of a flow, and again: the end is as if nothing had happened.

Here after every sixth step of two flows, since each costs two whole flows; `nox -s crashes` tries
all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pipeline import Pipeline
from places import TESTS
from samples import WHOLE

pytestmark = pytest.mark.sampled(every=9)

EVERY = int(os.environ.get("CRASHES_EVERY", "6"))
CRASHING = TESTS / "support" / "crashing.py"
# How many steps each flow has at least: fewer would mean that nothing was killed.
FLOWS = {"promote": 7, "merge": 1, "squash": 1, "rollback": 5, "hotfix": 7, "hold": 5, "record": 6}


# What proposes, and what tells of what became of it.
TRIED = tuple(FLOWS) if WHOLE else ("promote", "record")


@pytest.mark.sampled
@pytest.mark.parametrize("flow", TRIED)
def test_a_flow_that_died_is_ended_by_the_next_run(flow: str, pipeline_once: Pipeline) -> None:
    done = subprocess.run(
        [sys.executable, str(CRASHING), flow, str(pipeline_once.work.parent), str(EVERY)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) >= -(-FLOWS[flow] // EVERY), done.stderr
    for result in results:
        assert result["killed"] == -9, done.stderr
        assert result["again"] == 0, (result["step"], done.stderr)
        assert result["same"], result
