"""Claim: rules that are loosened first, and a policy that needs it second, do not pass (PR23)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from judged import NOW, judged
from meshgate.cli import main
from meshgate.promotion.forges import Draft
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.judge import HeadJudgement, MergeVerdict
from meshgate.promotion.line import hold, resume
from meshgate.promotion.session import Clock, session_at
from meshgate.repository import Repository
from promoted import (
    ENVIRONMENTS,
    INVENTORY,
    RULE,
    Promoted,
    commit,
    git,
    peer_authentication,
    promote,
)
from samples import in_sample

pytestmark = pytest.mark.sampled(every=2)

PERMISSIVE = {"policies/mesh/peerauthentication-default.yaml": peer_authentication("PERMISSIVE")}
SHOP = "policies/shop/destinationrule-cart.yaml"
UNUSED = {SHOP: RULE + "  exportTo: [.]\n"}
HEAD, _, TAIL = ENVIRONMENTS.replace("after: [staging]", "after: [dev]").rpartition(
    "    gates: []\n    gatesWaived: a sample\n"
)
WAIVED = "    gates: []\n    gatesWaived: a sample\n"
OWNED = """\
    approvals:
      weakening: {teams: [security]}
      access: {teams: [security]}
      rules: {teams: [security]}
"""


def rules(own: str = "", *, gates: str = WAIVED, top: str = "", approvals: str = OWNED) -> str:
    """environments.yaml, with these settings of prod."""
    return HEAD + gates + approvals + own + TAIL + top


class Attack(NamedTuple):
    """What was asked, what is asked after the first step, the policy of the second one.

    guard   what refuses the second step by the rules of before
    others  further files of both steps: before, and after the first
    """

    before: str
    after: str
    policy: Mapping[str, str]
    guard: str
    others: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})


PERMISSIVE_TOO = "    require: {mtls: PERMISSIVE}\n"
GATED = "    gates: [calm]\n"
CALM = "gates:\n  - {name: calm, type: effects, loosened: %s}\n"
TIMED = "    gates: [hours]\n"
HOURS = (
    "gates:\n  - {name: hours, type: window, windows: [freeze]}\nwindows:\n"
    "  - {name: freeze, kind: deny, from: '2026-07-01T00:00', to: '%s', environments: [prod]}\n"
)
SOAKED = "    gates: [soaked]\n"
SOAK = "gates:\n  - {name: soaked, type: soak, duration: %s}\n"
KINDS = "    require: {kinds: [%s], mtls: PERMISSIVE}\n"
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere, namespace: shop}
spec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
"""
WILD = RULE.replace("host: cart.shop.svc", 'host: "*.shop.svc').replace("local\n", 'local"\n', 1)
COPIED = """\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart.shop.svc.cluster.local]
  http:
    - mirror: {host: api.example.com}
      route: [{destination: {host: cart.shop.svc.cluster.local}}]
"""
ENTERS = {
    "policies/shop/kustomization.yaml": "resources: [destinationrule-cart.yaml, entry.yaml]\n",
    "policies/shop/entry.yaml": ENTRY,
}
HOST = "cart.shop.svc.cluster.local"
WAIVER = "waivers:\n" + "".join(
    f"  - {{rule: {rule}, resource: PeerAuthentication/istio-system/default, owner: a, reason: b,\n"
    "     expires: 2026-12-01}\n"
    for rule in ("PA001", "PA007")
)
EXPECTED = "expectations:\n  - {from: shop/cart, to: '%s:80', outcome: %s}\n"
# Whether sidecars are injected there nobody says.
UNDECIDED = INVENTORY.split("---\n", 1)[1].replace("namespace: shop", "namespace: ghost")
ATTACKS = {
    "the floor is lowered": Attack(rules(), rules(PERMISSIVE_TOO), PERMISSIVE, "PR12"),
    "the floor is switched off": Attack(
        rules(), rules("    require: {mtls: DISABLE}\n"), PERMISSIVE, "PR12"
    ),
    "a gate is left out": Attack(
        rules(PERMISSIVE_TOO, gates=GATED, top=CALM % 0),
        rules(PERMISSIVE_TOO),
        PERMISSIVE,
        "PR13",
    ),
    "a gate's limit is raised": Attack(
        rules(PERMISSIVE_TOO, gates=GATED, top=CALM % 0),
        rules(PERMISSIVE_TOO, gates=GATED, top=CALM % 99),
        PERMISSIVE,
        "PR13",
    ),
    "a freeze ends sooner": Attack(
        rules(gates=TIMED, top=HOURS % "2026-08-01T00:00"),
        rules(gates=TIMED, top=HOURS % "2026-07-02T00:00"),
        UNUSED,
        "PR10",
    ),
    "a freeze is for other events": Attack(
        rules(gates=TIMED, top=HOURS % "2026-08-01T00:00"),
        rules(
            gates=TIMED,
            top=(HOURS % "2026-08-01T00:00").replace("prod]", "prod], events: [hotfix]"),
        ),
        UNUSED,
        "PR10",
    ),
    "it soaks for less": Attack(
        rules(gates=SOAKED, top=SOAK % "30d"), rules(gates=SOAKED, top=SOAK % "1s"), UNUSED, "PR08"
    ),
    "a kind is let in": Attack(
        rules(KINDS % "PeerAuthentication, DestinationRule"),
        rules(KINDS % "PeerAuthentication, DestinationRule, ServiceEntry"),
        ENTERS,
        "PR12",
    ),
    "a wildcard is let in": Attack(
        rules(),
        rules(
            '    require: {wildcardHosts: [{host: "*.shop.svc.cluster.local", namespace: shop}]}\n'
        ),
        {SHOP: WILD},
        "PR12",
    ),
    "a host is said to be outside": Attack(
        rules(),
        rules("    mesh: {outside: [{host: api.example.com, reason: it is}]}\n"),
        ENTERS | {"policies/shop/entry.yaml": ENTRY + COPIED},
        "PR12",
    ),
    "a finding is waived": Attack(
        rules(), rules(), PERMISSIVE, "PR12", ({}, {"waivers/prod.yaml": WAIVER})
    ),
    "an expectation is turned round": Attack(
        rules(PERMISSIVE_TOO),
        rules(PERMISSIVE_TOO),
        UNUSED,
        "PR12",
        (
            {"expectations/prod.yaml": EXPECTED % (HOST, "blocked")},
            {"expectations/prod.yaml": EXPECTED % (HOST, "ok-mtls")},
        ),
    ),
    "the environment before is skipped": Attack(
        rules(PERMISSIVE_TOO).replace(
            "    after: [dev]\n    clusters: {selector: {mesh-env: prod}}",
            "    after: [staging]\n    clusters: {selector: {mesh-env: prod}}",
        ),
        rules(PERMISSIVE_TOO),
        UNUSED,
        "PR06",
    ),
    "a pause is over": Attack(rules(top="paused: {by: a, reason: b}\n"), rules(), UNUSED, "PR11"),
    "more may be new": Attack(
        rules("    unseenFields: 0\n"), rules("    unseenFields: 99\n"), {}, "PR18"
    ),
    "nobody signs any more": Attack(
        rules("    signatures: {allowedSigners: promotion/allowed_signers}\n"),
        rules(),
        UNUSED,
        "PR22",
        ({"promotion/allowed_signers": "a@example.com ssh-ed25519 AAAA\n"}, {}),
    ),
}
# What an attack says of the policy in staging, for what is asked of the environment before.
UNSEEN = {
    "overlays/prod/kustomization.yaml": (
        "resources:\n  - ../../policies/mesh\n  - ../../policies/shop\n"
        "patches:\n  - patch: |\n      - {op: add, path: /spec/exportTo, value: [.]}\n"
        "    target: {kind: DestinationRule}\n"
    )
}


@pytest.fixture(scope="module")
def shop(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """STRICT in prod, which says who owns its rules; never changed."""
    folder = tmp_path_factory.mktemp("two-steps") / "repository"
    shutil.copytree(promoted_once.folder, folder, symlinks=True)
    commit(folder, {"environments.yaml": rules()}, "rules", day=4)
    promote(folder, "prod", day=4)
    return folder


def second_step(shop: Path, folder: Path, attack: Attack, *, rule_first: bool) -> HeadJudgement:
    """What is said of the promotion that ends an attack."""
    shutil.copytree(shop, folder, symlinks=True)
    before, after = attack.others
    commit(folder, {"environments.yaml": attack.before, **before}, "rules", day=4)
    policy = attack.policy or UNSEEN
    steps = [{"environments.yaml": attack.after, **after}, policy]
    for files in steps if rule_first else steps[::-1]:
        commit(folder, files, "step", day=5)
    base = git(folder, "rev-parse", "HEAD")
    promote(folder, "prod", day=5)
    return judged(folder, base, "HEAD")


@pytest.mark.sampled
@pytest.mark.parametrize("name", [name for name in ATTACKS if in_sample(name, 4)])
def test_two_steps_do_not_pass(shop: Path, tmp_path: Path, name: str) -> None:
    """Every other attack begins with the policy: the order makes no difference."""
    attack, rule_first = ATTACKS[name], list(ATTACKS).index(name) % 2 == 0
    judgement = second_step(shop, tmp_path / "repository", attack, rule_first=rule_first)
    assert judgement.verdict is MergeVerdict.WAITING, judgement.refusals
    told = [refusal for refusal in judgement.refusals if refusal.guard == "PR23"]
    assert all("needs approval of security" in refusal.message for refusal in told)
    details = [detail for refusal in told for detail in refusal.details]
    assert any(detail.startswith(attack.guard) for detail in details), details


TEAMS = {"security": ("sec",), "mine": ("mallory",)}


def hosted(shop: Path, folder: Path) -> tuple[Path, Path]:
    """A clone and its bare origin, where nobody has agreed to anything yet."""
    shutil.copytree(shop, folder, symlinks=True)
    origin = folder.parent / "origin.git"
    git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(origin))
    return folder, origin


def lowered(
    folder: Path, origin: Path, text: str, *, agrees: str = "", by: str = "mallory"
) -> None:
    """A pull request that changes the rules is merged, whoever agreed."""
    forge = LocalForge(origin, by, now=lambda: NOW, teams=TEAMS)
    git(folder, "switch", "--quiet", "-c", "rules")
    head = commit(folder, {"environments.yaml": text}, "rules", day=5)
    git(folder, "push", "--quiet", str(origin), "rules")
    pull = forge.create(Draft("rules", "main", "rules", ""))
    if agrees:
        forge.acting_as(agrees).review(pull.number)
    merged = forge.merge(pull.number, head_sha=head, method="squash", message="rules")
    git(folder, "switch", "--quiet", "main")
    git(folder, "pull", "--quiet", "--ff-only", str(origin), "main")
    git(folder, "branch", "--quiet", "-D", "rules")
    git(folder, "push", "--quiet", str(origin), ":rules")
    assert git(folder, "rev-parse", "HEAD") == merged.commit


def gated(folder: Path, origin: Path, *, agrees: str = "") -> HeadJudgement:
    """What is said of a promotion of PERMISSIVE that the forge shows."""
    base = commit(folder, PERMISSIVE, "policy", day=5)
    promote(folder, "prod", day=5)
    git(folder, "push", "--quiet", str(origin), f"{base}:refs/heads/main", "HEAD:promote/prod/x")
    forge = LocalForge(origin, "a-test", now=lambda: NOW, teams=TEAMS)
    pull = forge.create(Draft("promote/prod/x", "main", "promotion", ""))
    if agrees:
        forge.acting_as(agrees).review(pull.number)
    return judged(folder, base, "HEAD", forge=forge, without_forge="", pull=forge.get(pull.number))


def told(judgement: HeadJudgement) -> list[str]:
    return [refusal.message for refusal in judgement.refusals if refusal.guard == "PR23"]


def test_rules_that_were_agreed_to_count(shop: Path, tmp_path: Path) -> None:
    folder, origin = hosted(shop, tmp_path / "repository")
    lowered(folder, origin, rules(PERMISSIVE_TOO), agrees="sec")
    assert told(gated(folder, origin)) == []


@pytest.mark.parametrize("agrees", ["", "ruth"])
def test_rules_that_others_agreed_to_do_not(shop: Path, tmp_path: Path, agrees: str) -> None:
    folder, origin = hosted(shop, tmp_path / "repository")
    lowered(folder, origin, rules(PERMISSIVE_TOO), agrees=agrees)
    (message,) = told(gated(folder, origin))
    assert "needs approval of security" in message


def test_who_owns_the_rules_may_agree_to_the_promotion(shop: Path, tmp_path: Path) -> None:
    folder, origin = hosted(shop, tmp_path / "repository")
    lowered(folder, origin, rules(PERMISSIVE_TOO))
    assert told(gated(folder, origin, agrees="sec")) == []


def test_nobody_makes_themselves_the_owner_first(shop: Path, tmp_path: Path) -> None:
    folder, origin = hosted(shop, tmp_path / "repository")
    mine = OWNED.replace("rules: {teams: [security]}", "rules: {teams: [mine]}")
    lowered(folder, origin, rules(approvals=mine))
    lowered(folder, origin, rules(PERMISSIVE_TOO, approvals=mine), agrees="mallory", by="eve")
    messages = told(gated(folder, origin))
    assert messages
    assert all("needs approval of security" in message for message in messages)


def test_a_promotion_in_between_hides_nothing(shop: Path, tmp_path: Path) -> None:
    folder, origin = hosted(shop, tmp_path / "repository")
    lowered(folder, origin, rules(PERMISSIVE_TOO))
    commit(folder, UNUSED, "harmless", day=5)
    promote(folder, "prod", day=5)
    (message,) = told(gated(folder, origin))
    assert "needs approval of security" in message


def test_a_hold_in_between_hides_nothing(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(shop, folder, symlinks=True)
    commit(folder, {"environments.yaml": rules(PERMISSIVE_TOO)}, "rules", day=5)
    with Repository(folder) as repository:
        for event in (hold, resume):
            session = session_at(
                repository, repository.resolve("main"), Clock(NOW, NOW.date()), login="a-test"
            )
            git(folder, "reset", "--quiet", "--hard", event(session, "prod", reason="x").commit)
    base = commit(folder, PERMISSIVE, "policy", day=5)
    promote(folder, "prod", day=6)
    (message,) = told(judged(folder, base, "HEAD"))
    assert "needs approval of security" in message


def test_what_is_not_decided_is_refused_as_validate_refuses_it(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(shop, folder, symlinks=True)
    text = rules("    require: {undecided: refused}\n")
    files = {"environments.yaml": text, "inventory/prod/odd.yaml": UNDECIDED}
    base = commit(folder, {**files, **UNUSED}, "rules", day=5)
    promote(folder, "prod", day=6)
    found = [each.message for each in judged(folder, base, "HEAD").refusals if not each.waits]
    assert [each for each in found if "prod refuses what cannot be decided: 1 port" in each]
    assert main(["-C", str(folder), "validate", "prod"]) == 1
