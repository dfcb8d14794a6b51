"""Environments with values of variables in a file of their own are promoted as any other."""

from __future__ import annotations

import pytest

from meshgate.cli import main
from meshgate.errors import NothingToPromoteError
from meshgate.promotion.environment_state import EnvironmentState
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


def test_values_in_a_file_are_promoted(pipeline: Pipeline) -> None:
    """What clusters sync has the values in it, so a change of one is a release like any other.

    Wherever the file lies, and though nothing else is another.
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
    pipeline.commit({ELSEWHERE: "MODE: STRICT\n"})
    with pipeline.session() as session:
        assert session.releases.newest().id != first.release
    with pytest.raises(NothingToPromoteError):  # the file is prod's
        pipeline.promote("staging")
    pipeline.commit({INPUT: "MODE: STRICT\n"})

    second = promoted(pipeline)

    assert second.sequence == first.sequence + 1
    rendered = [text for path, text in pipeline.files().items() if path.startswith("rendered/st")]
    assert any(b"mode: STRICT" in content for content in rendered)
    assert not any(b"${MODE}" in content for content in rendered)
    pipeline.sync()
    assert main(["-C", str(pipeline.work), "audit", "staging", "--deep"]) == 0


def test_values_in_environments_yaml_are_promoted(pipeline: Pipeline) -> None:
    text = environments().replace(INPUT, "{MODE: PERMISSIVE}")
    pipeline.commit(
        {"environments.yaml": text, POLICY: POLICY_TEXT, ELSEWHERE: "MODE: PERMISSIVE\n"}
    )
    write_state(pipeline.work, "staging", day=pipeline.days)
    git(pipeline.work, "push", "--quiet", "origin", "main")
    first = pipeline.state("staging")
    staging = text.index("- name: staging")
    strict = text[:staging] + text[staging:].replace("{MODE: PERMISSIVE}", "{MODE: STRICT}", 1)
    pipeline.commit({"environments.yaml": strict})

    second = promoted(pipeline)

    assert second.release != first.release
    assert '"substitute":{"MODE":"STRICT"}' in second.rendered.overlay
    assert any(b"mode: STRICT" in content for content in pipeline.files().values())
    pipeline.sync()
    assert main(["-C", str(pipeline.work), "audit", "staging", "--deep"]) == 0
