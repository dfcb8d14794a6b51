"""What GitLab is given has the shape that GitLab publishes for it.

`gitlab-ci-schema.json` is GitLab's own (app/assets/javascripts/editor/schema/ci.json), as
check-jsonschema 0.39.0 carries it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from meshgate.cli import main
from meshgate.model import JSON, JSONObject
from places import REPOSITORY

SCHEMA = Path(__file__).parent / "gitlab-ci-schema.json"
INPUT = re.compile(r"\$\[\[ inputs\.([\w-]+) \]\]")
COMPONENT = REPOSITORY / "docs" / "gitlab-lint.yml"
GIVEN = {"paths": "deploy/overlays/prod", "shared": "platform/mesh-export"}


def wrong(value: JSON) -> list[str]:
    """What of a configuration GitLab would refuse."""
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def component() -> tuple[JSONObject, JSONObject]:
    """The two documents of the component: its inputs, and its jobs with these filled in."""
    head, body = COMPONENT.read_text(encoding="utf-8").split("\n---\n")
    inputs: JSONObject = yaml.safe_load(head)["spec"]["inputs"]
    filled = INPUT.sub(lambda mark: str(GIVEN.get(mark[1], inputs[mark[1]].get("default"))), body)
    return inputs, yaml.safe_load(filled)


def test_the_pipeline_of_promotion() -> None:
    text = (REPOSITORY / "docs" / "gitlab-ci.yml").read_text(encoding="utf-8")

    assert wrong(yaml.safe_load(text)) == []


def test_the_component_with_its_inputs() -> None:
    inputs, jobs = component()
    named = set(INPUT.findall(COMPONENT.read_text(encoding="utf-8")))

    assert named == set(inputs)
    assert {name for name, value in inputs.items() if "default" not in value} == set(GIVEN)
    assert wrong({"spec": {"inputs": inputs}}) == []
    assert wrong(jobs) == []
    assert wrong({"lint": {**jobs["lint-policies"], "artefacts": {}}})


def test_the_include_of_the_guide() -> None:
    guide = (REPOSITORY / "docs/adopt/ten-repositories.md").read_text(encoding="utf-8")
    (text,) = (
        each for each in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "include:" in each
    )
    value = yaml.safe_load(text)

    assert wrong(value) == []
    assert set(value["include"][0]["inputs"]) <= set(component()[0])


def test_the_job_that_init_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".gitlab").mkdir()
    policy = (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n"
    )
    (tmp_path / "mesh.yaml").write_text(policy)

    assert main(["-C", str(tmp_path), "init", "--here", "--yes"]) == 0

    capsys.readouterr()
    written = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text())
    assert "meshgate validate" in str(written["meshgate"]["script"])
    assert wrong(written) == []
