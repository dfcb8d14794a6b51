"""The promotion fields of environments.yaml: what would leave a gate open is an error."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from meshgate import config
from meshgate.errors import UsageError
from meshgate.model import Pause
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates import GATE_TYPES
from meshgate.promotion.policy import EnvironmentPolicy, Policy
from meshgate.promotion.policy_reader import read_policy

TEXT = """\
environments:
  - {name: dev, overlay: overlays/dev}
  - name: canary
    overlay: overlays/canary
    mode: pinned
    after: [dev]
    gates: []
    gatesWaived: nothing is lost there
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: {any: [canary, dev]}
    merge: tool
    select: manual
    gates: [soaked, office, flux, traffic, quiet]
    soak: {promote: 12h}
    approvals: {count: 2, teams: [ops], weakening: {teams: [security]}}
    clusters: {selector: {mesh-env: prod}, names: [prod-eu, prod-us]}
    unseenFields: 5
    signatures: {allowedSigners: promotion/allowed_signers}
gates:
  - {name: soaked, type: soak, duration: 1d}
  - {name: office, type: window, windows: [office]}
  - {name: flux, type: commit-status, context: "flux/{env}/{cluster}", reporters: [flux-bot]}
  - {name: traffic, type: evidence, evidence: traffic, reporters: [probe], maxAge: 6h}
  - {name: quiet, type: effects, loosened: 0}
windows:
  - {name: office, kind: allow, cron: "0 9 * * 1-5", duration: 8h, environments: [prod]}
paused: {by: ops, reason: an audit}
"""


def load(root: Path, text: str = TEXT) -> Policy:
    (root / "environments.yaml").write_text(text)
    for name in ("dev", "canary", "prod"):
        (root / f"overlays/{name}").mkdir(parents=True, exist_ok=True)
    return read_policy(config.load(root))


def prod(root: Path, text: str = TEXT) -> EnvironmentPolicy:
    return load(root, text).of("prod")


def test_all_that_it_says_is_there(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    found = loaded.of("prod")

    assert loaded.paused == Pause("ops", "an audit")
    assert (found.pinned, found.after, found.after_all) == (True, ("canary", "dev"), False)
    assert [gate.name for gate in found.gates] == ["soaked", "office", "flux", "traffic", "quiet"]
    assert found.soak == {Event.PROMOTE: dt.timedelta(hours=12)}
    assert (found.select, found.merge, found.unseen_fields) == ("manual", "tool", 5)
    assert (found.approvals.count, found.approvals.teams) == (2, ("ops",))
    assert found.approvals.weakening_teams == ("security",)
    assert found.clusters == ("prod-eu", "prod-us")
    assert found.allowed_signers == "promotion/allowed_signers"
    assert [one.name for one in found.windows] == ["office"]


def test_the_environments_before(tmp_path: Path) -> None:
    loaded = load(tmp_path)

    assert [one.name for one in loaded.before("prod")] == ["canary", "dev"]
    assert loaded.before("dev") == ()


def test_names_are_known(tmp_path: Path) -> None:
    loaded = load(tmp_path)

    with pytest.raises(UsageError, match="did you mean `prod`"):
        loaded.of("prdo")
    with pytest.raises(UsageError, match="dev is floating"):
        loaded.pinned("dev")


WRONG = {
    "pinned-without-gates": (
        ("    gates: [soaked, office, flux, traffic, quiet]\n", ""),
        "prod: a pinned environment names its `gates`",
    ),
    "no-gates-and-no-reason": (("    gatesWaived: nothing is lost there\n", ""), "needs `gatesWai"),
    "gates-and-a-reason": (
        ("    merge: tool\n", "    merge: tool\n    gatesWaived: why not\n"),
        "prod: it has both `gates` and `gatesWaived`",
    ),
    "gates-of-a-floating-one": (
        ("overlay: overlays/dev}", "overlay: overlays/dev, gates: [quiet]}"),
        "dev: 'gates' means nothing to a floating environment",
    ),
    "gate-of-no-environment": (
        ("gates: [soaked, office, flux, traffic, quiet]", "gates: [soaked]"),
        "no environment has the gate 'office'",
    ),
    "status-without-reporter": ((", reporters: [flux-bot]", ""), "'flux': a gate of type"),
    "evidence-without-reporter": ((", reporters: [probe]", ""), "needs `reporters`"),
    "evidence-of-no-type": ((", evidence: traffic", ""), "needs `evidence`"),
    "status-without-context": ((', context: "flux/{env}/{cluster}"', ""), "needs `context`"),
    "effects-without-limit": ((", loosened: 0", ""), "the gate 'quiet' has no limit"),
    "soak-of-no-time": (
        ("type: soak, duration: 1d", "type: soak"),
        None,
    ),
    "key-of-another-type": (
        ("type: soak, duration: 1d", "type: soak, windows: [office]"),
        "'windows' means nothing to a gate of type soak",
    ),
    "type-command": (
        ("type: effects, loosened: 0", "type: command, command: [sh]"),
        'gates[4].type: is "command"',
    ),
    "window-of-another-environment": (
        ("environments: [prod]", "environments: [canary]"),
        "the gate 'office' has no window",
    ),
    "window-of-a-floating-one": (
        ("environments: [prod]", "environments: [dev]"),
        "the gate 'office' has no window",
    ),
    "match-upstream": (("select: manual", "select: match-upstream"), 'select: is "match-upstream"'),
    "blast-radius": (
        ("approvals: {count: 2,", "approvals: {blastRadius: [{workloads: 9, count: 3}], count: 2,"),
        "approvals.blastRadius: unknown field",
    ),
    "supersede-update": (("paused: ", "supersede: update\npaused: "), 'supersede: is "update"'),
    "soak-after-nothing": (("    after: {any: [canary, dev]}\n", ""), "no environment to soak in"),
    "synced-without-reporter": (
        ("type: soak, duration: 1d", "type: soak, duration: 1d, evidence: synced"),
        "needs both `evidence` and `reporters`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_leave_a_gate_open_is_an_error(tmp_path: Path, name: str) -> None:
    (old, new), message = WRONG[name]
    assert old in TEXT
    text = TEXT.replace(old, new)

    if message is None:
        load(tmp_path, text)  # the environment's own soak is asked
        text = text.replace("    soak: {promote: 12h}\n", "")
        message = "the gate 'soaked' asks for no time"

    with pytest.raises(UsageError) as raised:
        load(tmp_path, text)
    assert message in str(raised.value)


def test_this_repository_can_be_promoted_by_its_own_rules(request: pytest.FixtureRequest) -> None:
    assert read_policy(config.load(request.config.rootpath)).environments


def test_the_example_of_the_page_is_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs/gates.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    before = "environments:\n  - {name: staging, overlay: overlays/staging}\n"
    (tmp_path / "overlays/staging").mkdir(parents=True)

    found = prod(tmp_path, example.replace("environments:\n", before, 1))

    assert {gate.type for gate in found.gates} == set(GATE_TYPES)
