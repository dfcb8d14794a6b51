"""The whole way of promotion on a real Gitea, by the real command line, told step by step."""

from __future__ import annotations

import datetime
import math
import time
from pathlib import Path

import pipeline
import promoted
from e2e.gitea import Gitea
from forge.people import REQUIRED, protect
from forge.stage import PROJECT, Stage, StoryError
from forge_worlds import ADMIN, ORGANISATION, PROMOTER
from meshgate.errors import ToolError
from meshgate.promotion.forges import HeadMovedError
from promoted import RULE, git

# The samples', and one approval for prod.
ENVIRONMENTS = "{count: 1, notRequester: true, weakening".join(
    pipeline.ENVIRONMENTS.rsplit("{weakening", 1)
)
RULE_FILE = "policies/shop/destinationrule-cart.yaml"
# How long the window of the last chapter stays open, in seconds and in times of what one promotion
# took at the beginning: enough for one more, also on a slow machine.
OPEN, TIMES = 5, 2.5


def play(server: Gitea, folder: Path) -> None:
    """Raises StoryError where it goes another way."""
    stage = Stage(server, folder / "clone")
    begin(stage)
    pace = staging(stage)
    prod(stage)
    competition(stage)
    holding(stage)
    rolling_back(stage)
    repairing(stage)
    freezing(stage, pace)
    ending(stage)


def begin(stage: Stage) -> None:
    stage.chapter("A repository, and main protected")
    days = stage.days()
    stage.server.call(ADMIN, "POST", f"orgs/{ORGANISATION}/repos", {"name": PROJECT.split("/")[1]})
    clone = promoted.start(stage.clone)
    promoted.commit(clone, {"environments.yaml": ENVIRONMENTS}, "environments", day=days - 5)
    git(clone, "remote", "add", "origin", stage.server.remote(PROMOTER, PROJECT))
    git(clone, "push", "--quiet", "origin", "main")
    for name in promoted.PINNED:
        stage.meshgate("adopt", name, "--direct")
    stage.update()
    stage.tell("staging and prod are adopted with what they run")
    protect(stage.server, PROJECT)
    promoted.commit(clone, {"README.md": "past the gate\n"}, "past the gate", day=days)
    refused = git_fails(clone, "push", "origin", "main")
    stage.expect(
        "protected branch" in refused.lower(), "Gitea refuses the promoter's push to main", refused
    )
    stage.update()
    stage.change(promoted.STRICT, "mesh: demand mTLS (#12)")
    stage.tell("a change of the policies reaches main, and dev with it: mTLS becomes STRICT")


def staging(stage: Stage) -> float:
    """How many seconds a promotion and its gate take here."""
    stage.chapter("dev -> staging, merged at exactly the judged commit")
    began = time.monotonic()
    opened = stage.opened("promote", "staging")
    number = opened["pullRequest"]["number"]
    promoting = time.monotonic() - began
    stage.tell(f"promote staging opens #{number}: {opened['title']}")
    again = stage.opened("promote", "staging")
    stage.expect(
        (again["pushed"], again["pullRequest"], again["commit"])
        == (False, opened["pullRequest"], opened["commit"]),
        "promote staging once more changes nothing",
        again,
    )
    refused = refused_merge(stage, number, opened["commit"])
    stage.expect("405" in refused, f"Gitea does not merge it before {REQUIRED} is green", refused)
    began = time.monotonic()
    stage.meshgate("gate", str(number))
    pace = promoting + time.monotonic() - began
    state = stage.gate_state(number)
    stage.expect(state[0] == "success", f"gate posts {REQUIRED}: success, {state[1]}", state)

    wrong = git(stage.clone, "rev-parse", "origin/main")
    refused = refused_merge(stage, number, wrong)
    stage.expect("409" in refused, "Gitea refuses a merge pinned to another commit (409)", refused)
    try:
        stage.forge().merge(number, head_sha=wrong, method="merge", message="wrong")
    except HeadMovedError as error:
        stage.expect(error.exit_code == 8, f"so does meshgate, with exit 8: {error.what}")
    else:
        raise StoryError("a wrong head was merged")
    done = stage.meshgate("merge", str(number))
    stage.update()
    stage.tell(f"merge {number}: {done.out.splitlines()[0]}")
    done = stage.meshgate("merge", str(number))
    stage.expect("already" in done.out, "merge once more is a success that changes nothing", done)
    stage.meshgate("promote", "staging", code=9)
    stage.tell("there is nothing more to promote to staging (exit 9)")
    return pace


def prod(stage: Stage) -> None:
    stage.chapter("staging -> prod, with an approval that a push outdates (PR19), squashed")
    opened = stage.opened("promote", "prod")
    number = opened["pullRequest"]["number"]
    stage.meshgate("gate", str(number), code=10)
    state = stage.gate_state(number)
    stage.expect(state[0] == "pending", f"gate on #{number} waits: {state[1]}", state)
    button = {"Do": "merge", "merge_when_checks_succeed": True}
    stage.ask(PROMOTER, "POST", f"pulls/{number}/merge", button)
    said = stage.meshgate("gate", str(number), code=8)
    stage.expect(
        stage.gate_state(number)[0] == "failure",
        "somebody arms Gitea's auto-merge, which would merge a later push: the gate fails",
        said,
    )
    stage.ask(PROMOTER, "DELETE", f"pulls/{number}/merge")
    stage.approve(number)
    stage.meshgate("gate", str(number))
    stage.expect(
        stage.gate_state(number)[0] == "success", "it is disarmed, ruth approves: the gate is green"
    )
    stage.push_onto(opened["branch"], "one more commit, unseen")
    said = stage.meshgate("merge", str(number), code=10)
    stage.expect(
        "PR19" in said.err, "somebody pushes: merge waits, since PR19 wants the head", said
    )
    stage.meshgate("gate", str(number), code=10)
    state = stage.gate_state(number)
    stage.expect(state[0] == "pending", f"and the gate is pending again: {state[1]}", state)
    stage.approve(number)
    commit_id = stage.merge(number, "squash")
    parents = git(stage.clone, "show", "--no-patch", "--format=%P", commit_id).split()
    stage.expect(len(parents) == 1, f"ruth approves that commit: squashed as {commit_id[:12]}")


def competition(stage: Stage) -> None:
    stage.chapter("Two promotions compete for staging; the winner is rebased")
    stage.change({RULE_FILE: RULE + "  exportTo: ['*']\n"}, "shop: export the rule")
    first = stage.opened("promote", "staging")["pullRequest"]["number"]
    stage.change({RULE_FILE: RULE + "  exportTo: [.]\n"}, "shop: export the rule to shop alone")
    second = stage.opened("promote", "staging")["pullRequest"]["number"]
    forge = stage.forge()
    old = forge.get(first)
    stage.expect(
        old.state == "closed" and "superseded" in old.labels,
        f"a newer release is promoted as #{second}: #{first} is closed as superseded",
        old,
    )
    stage.ask(PROMOTER, "PATCH", f"pulls/{first}", {"state": "open"})
    stage.tell(f"a person reopens #{first}")
    commit_id = stage.merge(second, "rebase")
    parents = git(stage.clone, "show", "--no-patch", "--format=%P", commit_id).split()
    stage.expect(len(parents) == 1, f"#{second} is rebased onto main as {commit_id[:12]}")
    stage.expect(
        not stage.mergeable(first), f"#{first} is unmergeable: both write the state's first line"
    )
    said = stage.meshgate("merge", str(first), code=8)
    stage.expect("refused" in said.err, f"merge {first} is refused (exit 8)", said)
    stage.forge().close(first)


def holding(stage: Stage) -> None:
    stage.chapter("A hold stops what is open")
    opened = stage.opened("promote", "prod")
    number = opened["pullRequest"]["number"]
    stage.approve(number)
    stage.expect(stage.mergeable(number), f"#{number} to prod is open, approved and mergeable")
    held = stage.opened("hold", "prod", "--reason", "incident 12")["pullRequest"]["number"]
    stage.approve(held)
    stage.merge(held)
    stage.expect(not stage.mergeable(number), f"hold prod (#{held}) makes #{number} unmergeable")
    said = stage.meshgate("merge", str(number), code=8)
    stage.expect("PR11" in said.err or "PR04" in said.err, "and merge refuses it (exit 8)", said)
    resumed = stage.opened("resume", "prod", "--reason", "it is over")["pullRequest"]["number"]
    stage.approve(resumed)
    stage.merge(resumed)
    fresh = stage.opened("promote", "prod", "--refresh")["pullRequest"]["number"]
    stage.approve(fresh)
    stage.merge(fresh)
    stage.tell(f"resume prod (#{resumed}), promote --refresh, approve, merge: prod has it")


def rolling_back(stage: Stage) -> None:
    stage.chapter("Rollback: the recorded bytes, shown by what they loosen, and kept by a hold")
    wanted = stage.rendered("prod", 1)
    opened = stage.opened(
        "rollback", "prod", "--to", "1", "--reason", "503 in checkout", "--ticket", "INC-12"
    )
    number = opened["pullRequest"]["number"]
    labels = stage.forge().get(number).labels
    stage.expect(
        "risk/loosens" in labels, f"#{number} says what gets weaker: {opened['title']}", labels
    )
    said = stage.meshgate("merge", str(number), code=10)
    stage.expect("PR15" in said.err, "merge waits for the security team (PR15)", said)
    stage.approve(number)
    stage.merge(number)
    stage.expect(
        git(stage.clone, "rev-parse", "HEAD:rendered/prod") == wanted,
        "ruth of the security team approves: prod has the bytes of its first record",
    )
    said = stage.meshgate("promote", "prod", code=8)
    stage.expect("PR11" in said.err, "promote prod does not undo it: prod is held (exit 8)", said)
    resumed = stage.opened("resume", "prod", "--reason", "mended")["pullRequest"]["number"]
    stage.approve(resumed)
    stage.merge(resumed)


def repairing(stage: Stage) -> None:
    stage.chapter("Hotfix: past staging, and owed until main has it")
    source = stage.source("prod")
    branch = "hotfix/prod/cart"
    git(stage.clone, "switch", "--quiet", "-c", branch, source)
    fix = RULE + "  exportTo: [.]\n"
    promoted.commit(stage.clone, {RULE_FILE: fix}, "shop: keep the rule at home", day=stage.days())
    git(stage.clone, "push", "--quiet", "origin", branch)
    git(stage.clone, "switch", "--quiet", "main")
    options = ("--from", branch, "--reason", "503", "--ticket", "INC-13")
    said = stage.meshgate("hotfix", "prod", *options, code=8)
    stage.tell(f"hotfix without a request to main is refused (exit 8): {said.words}")
    body = {"head": branch, "base": "main", "title": "shop: keep the rule at home", "body": ""}
    linked = stage.ask(PROMOTER, "POST", "pulls", body)["number"]
    opened = stage.opened("hotfix", "prod", *options)
    number = opened["pullRequest"]["number"]
    stage.approve(number)
    stage.merge(number)
    stage.tell(f"with #{linked} to main, #{number} passes staging over and prod owes main the fix")
    stage.change({RULE_FILE: RULE + "  subsets: []\n"}, "shop: another change")
    moved = stage.opened("promote", "staging")["pullRequest"]["number"]
    stage.merge(moved)
    said = stage.meshgate("promote", "prod", code=8)
    stage.expect("PR17" in said.err, "a release without the fix may not enter prod (PR17)", said)
    stage.change({RULE_FILE: fix + "  subsets: []\n"}, "shop: the repair, on main too")
    stage.merge(stage.opened("promote", "staging")["pullRequest"]["number"])
    paid = stage.opened("promote", "prod")["pullRequest"]["number"]
    stage.approve(paid)
    stage.merge(paid)
    stage.expect(
        "debt: null" in (stage.clone / "promotion/state/prod.yaml").read_text(),
        "the release that has it enters prod, and the debt is paid",
    )


def freezing(stage: Stage, pace: float) -> None:
    stage.chapter("A window closes while a request is open")
    now = datetime.datetime.now(tz=datetime.UTC)
    seconds = now.second + OPEN + math.ceil(TIMES * pace)
    ends = now.replace(second=0, microsecond=0) + datetime.timedelta(seconds=seconds)
    window = (
        "gates:\n  - {name: hours, type: window}\n"
        f"windows:\n  - {{name: hours, kind: allow, cron: '{now:%M} {now:%H} {now:%d} {now:%m} *', "
        f"duration: {seconds}s, environments: [staging]}}\n"
    )
    gated = ENVIRONMENTS.replace("gates: []\n    gatesWaived: a sample\n", "gates: [hours]\n", 1)
    stage.change({"environments.yaml": gated + window}, "staging: only in the window")
    stage.change({RULE_FILE: RULE + "  subsets: []\n  exportTo: ['*']\n"}, "shop: once more")
    number = stage.opened("promote", "staging")["pullRequest"]["number"]
    stage.meshgate("gate", str(number))
    state = stage.gate_state(number)
    stage.expect(state[0] == "success", f"#{number} is green while the window is open", state)
    left = (ends - datetime.datetime.now(tz=datetime.UTC)).total_seconds()
    time.sleep(max(0.0, left) + 1)
    stage.meshgate("gate", "--all", code=10)
    state = stage.gate_state(number)
    stage.expect(
        state[0] == "pending", f"it closes: the same status turns to {state[0]}: {state[1]}"
    )
    refused = refused_merge(stage, number, stage.forge().get(number).head_sha)
    stage.expect("405" in refused, "so that Gitea does not merge it either", refused)
    stage.meshgate("merge", str(number), code=10)
    stage.tell("and merge waits (exit 10)")


def ending(stage: Stage) -> None:
    stage.chapter("What is left behind")
    stage.update()
    stage.meshgate("record")
    tags = git(stage.clone, "ls-remote", "--tags", "origin", "env/*").splitlines()
    events = len(list((stage.clone / "promotion/ledger").rglob("*.yaml")))
    stage.expect(
        len([line for line in tags if not line.endswith("^{}")]) == events,
        f"record tags each of the {events} events with who approved which commit",
        tags,
    )
    said = stage.meshgate("audit", "--deep")
    stage.tell(f"audit --deep: {said.out.splitlines()[-1].strip()}")


def refused_merge(stage: Stage, number: int, head: str) -> str:
    """What Gitea says to somebody who presses the button."""
    body = {"Do": "merge", "head_commit_id": head}
    try:
        stage.ask(PROMOTER, "POST", f"pulls/{number}/merge", body)
    except ToolError as error:
        return str(error)
    raise StoryError(f"Gitea merged #{number} at {head}")


def git_fails(folder: Path, *arguments: str) -> str:
    """The words of a git command that must fail."""
    try:
        git(folder, *arguments)
    except Exception as error:  # noqa: BLE001 - whatever it was, its words are looked at
        return str(getattr(error, "stderr", error))
    raise StoryError(f"git {' '.join(arguments)} succeeded")
