"""Claim: a safe step that `steps` writes passes `validate`, `check` and PR12, and no more does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from judged import judged
from meshgate.cli import main
from meshgate.promotion.environment_state import Event
from promoted import (
    ENVIRONMENTS,
    FILES,
    RULE,
    STRICT,
    commit,
    git,
    peer_authentication,
    promote,
    write,
)

pytestmark = pytest.mark.sampled(every=2)

OWN = """\
    gatesWaived: a sample
    require: {mtls: DISABLE}
    approvals: {weakening: {teams: [security]}, rules: {teams: [security]}}
"""
START = {
    "environments.yaml": ENVIRONMENTS.replace("after: [staging]", "after: [dev]")
    .replace("    gatesWaived: a sample\n", OWN)
    .replace("mesh-env: dev}}}", "mesh-env: dev}}, require: {mtls: DISABLE}}"),
    "policies/mesh/peerauthentication-default.yaml": peer_authentication("DISABLE"),
    "policies/shop/destinationrule-cart.yaml": RULE.replace("ISTIO_MUTUAL", "DISABLE").replace(
        "  trafficPolicy: {tls: {mode: DISABLE}}\n", "  exportTo: ['*']\n"
    ),
}


def test_each_step_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, steps = tmp_path / "repository", tmp_path / "steps"
    write(folder, {**FILES, **START})
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, {}, "start")
    promote(folder, "prod", event=Event.ADOPT, day=1)
    write(folder, STRICT)
    asked = ["-C", str(folder), "steps", "--write", str(steps), "--format", "json"]
    assert main(asked) == 0
    planned = json.loads(capsys.readouterr().out)["environments"]
    for day, step in enumerate(sorted(steps.iterdir()), 2):
        for name in {name for each in planned for name in each["steps"][day - 2]["removed"]}:
            (folder / name).unlink()
        shutil.copytree(step, folder, dirs_exist_ok=True)
        before = git(folder, "rev-parse", "HEAD")
        base = commit(folder, {}, step.name, day=day)
        assert main(["-C", str(folder), "validate"]) == 0, capsys.readouterr().out
        code = main(["-C", str(folder), "check", "--base", before, "--head", base])
        # Who owns the rules agrees to the waivers of the first step, and is asked for nothing else.
        asked_for = (code, "PR23" in capsys.readouterr().out)
        assert asked_for == ((10, True) if step.name == "step-1" else (0, False)), step.name
        promote(folder, "prod", day=day)
        refused = [
            refusal for refusal in judged(folder, base, "HEAD").refusals if not refusal.waits
        ]
        assert [(each.guard, each.message) for each in refused] == []
    assert len(list(steps.iterdir())) == 4


def test_an_environment_that_is_behind_takes_its_own_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, steps = tmp_path / "repository", tmp_path / "steps"
    write(folder, {**FILES, **START})
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, {}, "start")
    write(folder, STRICT)
    asked = ["-C", str(folder), "steps", "--env", "prod", "--write", str(steps), "--format", "json"]
    assert main(asked) == 0
    (planned,) = json.loads(capsys.readouterr().out)["environments"]
    told = [(steps / f"step-{number}/waivers/prod.yaml").exists() for number in (1, 2, 3, 4)]
    # Prod is weaker than dev until the last step, and says so; DR001 is waived while it holds.
    assert told == [True, True, True, False]
    for number in (1, 2, 3):
        waivers = (steps / f"step-{number}/waivers/prod.yaml").read_text()
        assert "workload: shop/cart" in waivers
        assert ("rule: DR001" in waivers) is (number < 3)
    for step in planned["steps"]:
        for name in step["removed"]:
            (folder / name).unlink()
        shutil.copytree(steps / f"step-{step['number']}", folder, dirs_exist_ok=True)
        assert main(["-C", str(folder), "validate", "prod"]) == 0, capsys.readouterr().out
    assert not (folder / "waivers/prod.yaml").exists()
