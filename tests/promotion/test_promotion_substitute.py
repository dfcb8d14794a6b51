"""Environments with values of variables in a file of their own are promoted as any other."""

from __future__ import annotations

import pytest

from meshgate.cli import main
from meshgate.errors import NothingToPromoteError
from meshgate.promotion.records import EnvironmentState
from pipeline import ENVIRONMENTS, PERMISSIVE_FLOOR, Pipeline
from promoted import git
from promoted import promote as write_state

POLICY = "policies/mesh/peerauthentication-default.yaml"

INPUT = "overlays/staging/values.env.yaml"
ELSEWHERE = "clusters/prod.yaml"
POLICY_TEXT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec:
  mtls:
    mode: ${MODE}
"""


def environments() -> str:
    """The sample's with a value for each environment, those of staging and prod in files."""
    values = f"{PERMISSIVE_FLOOR}    substitute: {{MODE: PERMISSIVE}}\n"
    written = ENVIRONMENTS.replace(PERMISSIVE_FLOOR, values)
    dev, staging, prod = written.split("  - name: ")[1:]
    staging = staging.replace("{MODE: PERMISSIVE}", INPUT)
    staging = staging.replace("weakening: {teams", "rules: {teams")
    prod = prod.replace("{MODE: PERMISSIVE}", ELSEWHERE)
    return "environments:\n" + "".join(f"  - name: {each}" for each in (dev, staging, prod))


def promoted(pipeline: Pipeline) -> EnvironmentState:
    """Promote staging, with the approval that a change of the rules needs."""
    number = pipeline.promote("staging").pull.number
    pipeline.approve(number)
    pipeline.merge(number)
    return pipeline.state("staging")


def test_an_environment_with_values_in_a_file_is_promoted(pipeline: Pipeline) -> None:
    """What is promoted has the variables in it: the syncer puts the values in.

    So a change of the file alone is a release where it lies among the inputs, and renders to what
    is there.
    """
    pipeline.commit(
        {
            "environments.yaml": environments(),
            POLICY: POLICY_TEXT,
            INPUT: "MODE: PERMISSIVE\n",
            ELSEWHERE: "MODE: PERMISSIVE\n",
        }
    )
    # As if it had been so from the start: no guard looks at how it came about.
    write_state(pipeline.work, "staging", day=pipeline.days)
    git(pipeline.work, "push", "--quiet", "origin", "main")
    first = pipeline.state("staging")
    pipeline.commit({POLICY: POLICY_TEXT.replace("default", "default, labels: {a: b}")})
    second = promoted(pipeline)
    pipeline.commit({ELSEWHERE: "MODE: STRICT\n"})
    with pipeline.session() as session:
        assert session.releases.newest().id == second.release
    pipeline.commit({INPUT: "MODE: STRICT\n"})

    assert second.release != first.release
    assert second.sequence == first.sequence + 1
    assert any(b"${MODE}" in content for content in pipeline.files().values())
    with pytest.raises(NothingToPromoteError):
        pipeline.promote("staging")
    with pipeline.session() as session:
        assert session.releases.newest().id != second.release
    pipeline.sync()
    assert main(["-C", str(pipeline.work), "audit", "staging", "--deep"]) == 0
