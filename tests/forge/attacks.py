"""What people do on a real Gitea to get past promotion, and what must come of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import promoted
from e2e.gitea import Gitea
from forge.people import REQUIRED, protect
from forge.stage import Stage, StoryError
from forge_worlds import ADMIN, ORGANISATION, PROMOTER, REVIEWER
from meshgate.errors import ToolError
from meshgate.model import JSON
from promoted import RULE, STRICT, commit, git, peer_authentication

PROJECT = f"{ORGANISATION}/attacked"
# They may write to the repository, and are in no team whose word counts.
MALLORY, EVE = "mallory", "eve"
APPROVALS = """\
    approvals: {count: %d, weakening: {teams: [security]}, rules: {teams: [security]}}
"""
RULE_FILE = "policies/shop/destinationrule-cart.yaml"
MESH_FILE = "policies/mesh/peerauthentication-default.yaml"
HOME = {RULE_FILE: RULE + "  exportTo: [.]\n"}
WAITS, REFUSED = 10, 8
NOT_MERGED = (2, REFUSED, WAITS)


def environments(count: int = 1, own: str = "") -> str:
    """The samples', with somebody who owns the rules of prod."""
    head, mark, tail = promoted.ENVIRONMENTS.rpartition("    gatesWaived: a sample\n")
    owned = f"{head}{mark}{APPROVALS % count}{own}{tail}"
    return owned.replace("after: [staging]", "after: [dev]")


class Attack(NamedTuple):
    """What somebody does; it raises StoryError where it succeeds."""

    title: str
    play: Callable[[Stage], None]


def play(server: Gitea, folder: Path) -> None:
    """Every attack, on one repository. Raises StoryError where one succeeds."""
    stage = Stage(server, folder / "attacked", PROJECT)
    begin(stage)
    stage.chapter(f"{len(ATTACKS)} attacks, and what comes of each")
    for attack in ATTACKS:
        attack.play(stage)
        stage.tell(attack.title)


def begin(stage: Stage) -> None:
    server = stage.server
    for login in (MALLORY, EVE):
        server.add_user(login)
    teams = {
        each["name"]: each["id"] for each in server.call(ADMIN, "GET", f"orgs/{ORGANISATION}/teams")
    }
    for login in (MALLORY, EVE):
        server.call(ADMIN, "PUT", f"teams/{teams['writers']}/members/{login}")
    server.call(ADMIN, "POST", f"orgs/{ORGANISATION}/repos", {"name": PROJECT.split("/")[1]})
    clone = promoted.start(stage.clone)
    text = {"environments.yaml": environments(), **STRICT}
    commit(clone, text, "environments", day=stage.days() - 5)
    git(clone, "remote", "add", "origin", server.remote(PROMOTER, PROJECT))
    git(clone, "push", "--quiet", "origin", "main")
    stage.meshgate("adopt", "prod", "--direct")
    stage.update()
    protect(server, PROJECT)


def pull_of(stage: Stage, branch: str, files: dict[str, str], login: str = MALLORY) -> int:
    """Somebody's pull request of one commit on main; its number."""
    stage.update()
    git(stage.clone, "switch", "--quiet", "-C", branch)
    made = commit(stage.clone, files, branch, day=stage.days())
    git(
        stage.clone,
        "push",
        "--quiet",
        "--force",
        stage.server.remote(login, PROJECT),
        f"HEAD:{branch}",
    )
    git(stage.clone, "switch", "--quiet", "main")
    body = {"head": branch, "base": "main", "title": branch, "body": ""}
    number: int = stage.ask(login, "POST", "pulls", body)["number"]
    stage.wait_for_head(branch, made)
    return number


def is_gated(stage: Stage, number: int, state: str, words: str = "") -> None:
    """The gate says this of a pull request. Raises StoryError for anything else."""
    code = {"success": 0, "pending": WAITS, "failure": REFUSED}[state]
    said = stage.meshgate("gate", str(number), code=code)
    posted, description = stage.gate_state(number)
    if posted != state or words not in said.out + said.err + description:
        raise StoryError(f"#{number}: {posted}: {description}\n{said.out}{said.err}")


def refused(stage: Stage, login: str, method: str, path: str, body: JSON = None) -> None:
    """Gitea itself says no. Raises StoryError where it does not."""
    try:
        stage.ask(login, method, path, body)
    except ToolError:
        return
    raise StoryError(f"{login}: {method} {path} was done")


def merge_by_hand(stage: Stage, number: int) -> None:
    """A person presses the button, on what is green. Gitea has looked at it by then."""
    stage.mergeable(number)
    stage.ask(EVE, "POST", f"pulls/{number}/merge", {"Do": "squash"})
    stage.update()


def close(stage: Stage, *numbers: int) -> None:
    for number in numbers:
        stage.ask(ADMIN, "PATCH", f"pulls/{number}", {"state": "closed"})


def tag_like_the_branch(stage: Stage) -> None:
    evil = commit(
        stage.clone, {"environments.yaml": "environments: []\n"}, "evil", day=stage.days()
    )
    stage.update()
    remote = stage.server.remote(MALLORY, PROJECT)
    git(stage.clone, "push", "--quiet", remote, f"{evil}:refs/tags/main")
    git(stage.clone, "push", "--quiet", remote, f"{evil}:refs/tags/origin/main")
    git(stage.clone, "fetch", "--quiet", "--tags", "origin")
    stage.meshgate("status")
    # The branch, and not the tag, against which all of main would have been changed.
    stage.meshgate("check", "--base", "origin/main", "--head", "HEAD")
    # Git itself would take the tags in what follows here.
    git(stage.clone, "config", "remote.origin.tagOpt", "--no-tags")
    for name in ("main", "origin/main"):
        git(stage.clone, "tag", "--delete", name)
    number = pull_of(stage, "fine", HOME)
    is_gated(stage, number, "success")
    for name in ("main", "origin/main"):
        git(stage.clone, "push", "--quiet", remote, f":refs/tags/{name}")
    close(stage, number)


def lowered_floor(stage: Stage) -> None:
    text = environments(own="    require: {mtls: DISABLE}\n")
    number = pull_of(stage, "floor", {"environments.yaml": text})
    is_gated(stage, number, "pending", "security")
    refused(stage, MALLORY, "POST", f"pulls/{number}/reviews", {"event": "APPROVED", "body": "me"})
    stage.approve(number, EVE)
    is_gated(stage, number, "pending", "security")
    stage.meshgate("merge", str(number), code=NOT_MERGED)
    close(stage, number)


def approval_outdated(stage: Stage) -> None:
    number = pull_of(stage, "count", {"environments.yaml": environments(0)})
    stage.approve(number)
    is_gated(stage, number, "success")
    git(stage.clone, "switch", "--quiet", "count")
    worse = commit(stage.clone, {"noxfile.py": "raise SystemExit\n"}, "more", day=stage.days())
    git(stage.clone, "push", "--quiet", stage.server.remote(MALLORY, PROJECT), "HEAD:count")
    stage.wait_for_head("count", worse)
    stage.update()
    is_gated(stage, number, "pending", "security")
    close(stage, number)


def owner_is_author(stage: Stage) -> None:
    number = pull_of(stage, "own", {"environments.yaml": environments(0)}, REVIEWER)
    refused(stage, REVIEWER, "POST", f"pulls/{number}/reviews", {"event": "APPROVED", "body": "me"})
    stage.approve(number, EVE)
    is_gated(stage, number, "pending", "security")
    close(stage, number)


def owner_left(stage: Stage) -> None:
    number = pull_of(stage, "left", {"environments.yaml": environments(0)})
    stage.approve(number)
    is_gated(stage, number, "success")
    listed = stage.server.call(ADMIN, "GET", f"orgs/{ORGANISATION}/teams")
    (team,) = [each["id"] for each in listed if each["name"] == "security"]
    stage.server.call(ADMIN, "DELETE", f"teams/{team}/members/{REVIEWER}")
    is_gated(stage, number, "pending", "security")
    stage.server.call(ADMIN, "PUT", f"teams/{team}/members/{REVIEWER}")
    close(stage, number)


def armed(stage: Stage) -> None:
    number = pull_of(stage, "armed", {"environments.yaml": environments(0)})
    stage.approve(number)
    button = {"Do": "merge", "merge_when_checks_succeed": True}
    stage.ask(MALLORY, "POST", f"pulls/{number}/merge", button)
    is_gated(stage, number, "pending", "security")
    stage.ask(MALLORY, "DELETE", f"pulls/{number}/merge")
    close(stage, number)


def two_steps(stage: Stage) -> None:
    text = environments(own="    require: {mtls: PERMISSIVE}\n")
    stage.change({"environments.yaml": text}, "past the gate, by the administrator")
    stage.change({MESH_FILE: peer_authentication("PERMISSIVE")}, "weaker")
    number = stage.opened("promote", "prod", "--again")["pullRequest"]["number"]
    stage.approve(number, EVE)
    is_gated(stage, number, "pending", "PR23")
    close(stage, number)
    stage.change({"environments.yaml": environments(), **STRICT}, "back")


def rules_agreed(stage: Stage) -> None:
    text = environments(own="    require: {mtls: PERMISSIVE}\n")
    number = pull_of(stage, "agreed", {"environments.yaml": text})
    stage.approve(number)
    is_gated(stage, number, "success")
    merge_by_hand(stage, number)
    stage.change({MESH_FILE: peer_authentication("PERMISSIVE")}, "weaker")
    opened = stage.opened("promote", "prod", "--again")["pullRequest"]["number"]
    said = stage.meshgate("gate", str(opened), code=WAITS)
    if "PR23" in said.out:
        raise StoryError(said.out)
    close(stage, opened)
    stage.change({"environments.yaml": environments(), **STRICT}, "back")


def status_of_another(stage: Stage) -> None:
    number = pull_of(stage, "posted", {"environments.yaml": environments(0)})
    head = stage.forge().get(number).head_sha
    green = {"context": REQUIRED, "state": "success", "description": "all is well"}
    stage.ask(MALLORY, "POST", f"statuses/{head}", green)
    stage.meshgate("merge", str(number), code=NOT_MERGED)
    is_gated(stage, number, "pending", "security")
    close(stage, number)


def expected_by_another(stage: Stage) -> None:
    number = pull_of(stage, "expected", HOME)
    head = stage.forge().get(number).head_sha
    green = {"context": "promotion-check", "state": "success"}
    stage.ask(MALLORY, "POST", f"statuses/{head}", green)
    expected = ("--expect", f"promotion-check={PROMOTER}")
    said = stage.meshgate("gate", str(number), *expected, code=WAITS)
    if "only promoter's word counts" not in said.out:
        raise StoryError(said.out)
    close(stage, number)


def weaker_stop(stage: Stage) -> None:
    held = stage.opened("hold", "prod", "--reason", "incident")["pullRequest"]["number"]
    stage.merge(held)
    state = stage.clone / "promotion/state/prod.yaml"
    text = state.read_text().replace("until: null", "until: '2026-01-01T00:00:00Z'")
    number = pull_of(stage, "weaker", {"promotion/state/prod.yaml": text})
    is_gated(stage, number, "failure")
    close(stage, number)
    resumed = stage.opened("resume", "prod", "--reason", "over")["pullRequest"]["number"]
    is_gated(stage, resumed, "pending", "approval")
    stage.approve(resumed, EVE)
    stage.merge(resumed)


def another_base(stage: Stage) -> None:
    stage.change(HOME, "shop: at home")
    stage.ask(ADMIN, "POST", "branches", {"new_branch_name": "release", "old_ref_name": "main"})
    opened = stage.opened("promote", "prod", "--again")["pullRequest"]["number"]
    stage.approve(opened, EVE)
    is_gated(stage, opened, "success")
    stage.ask(MALLORY, "PATCH", f"pulls/{opened}", {"base": "release"})
    stage.meshgate("gate", str(opened), code=NOT_MERGED)
    stage.meshgate("merge", str(opened), code=NOT_MERGED)
    stage.ask(MALLORY, "PATCH", f"pulls/{opened}", {"base": "main"})
    close(stage, opened)


def squashed_with_more(stage: Stage) -> None:
    opened = stage.opened("promote", "prod", "--again")
    number, branch = opened["pullRequest"]["number"], opened["branch"]
    stage.approve(number, EVE)
    git(stage.clone, "fetch", "--quiet", "origin")
    git(stage.clone, "switch", "--quiet", "--detach", f"origin/{branch}")
    (stage.clone / "noxfile.py").write_text("raise SystemExit\n")
    git(stage.clone, "add", "--all")
    git(stage.clone, "commit", "--quiet", "--amend", "--no-edit")
    made = git(stage.clone, "rev-parse", "HEAD")
    remote = stage.server.remote(MALLORY, PROJECT)
    git(stage.clone, "push", "--quiet", "--force", remote, f"HEAD:{branch}")
    stage.wait_for_head(branch, made)
    stage.update()
    is_gated(stage, number, "failure", "PR01")
    # Nor is it written over: meshgate says that somebody was there.
    said = stage.meshgate("promote", "prod", "--again", code=(2, 7, REFUSED))
    if "edited by hand" not in said.err:
        raise StoryError(said.err)
    close(stage, number)
    git(stage.clone, "push", "--quiet", stage.server.remote(ADMIN, PROJECT), f":{branch}")


def forged_by_hand(stage: Stage) -> None:
    opened = stage.opened("promote", "prod", "--again")
    branch = opened["branch"]
    close(stage, opened["pullRequest"]["number"])
    remote = stage.server.remote(MALLORY, PROJECT)
    git(stage.clone, "fetch", "--quiet", "origin")
    git(stage.clone, "push", "--quiet", remote, f"origin/{branch}:refs/heads/mine")
    body = {"head": "mine", "base": "main", "title": "promote(prod)", "body": ""}
    number = stage.ask(MALLORY, "POST", "pulls", body)["number"]
    stage.approve(number, EVE)
    is_gated(stage, number, "failure", "PR05")
    close(stage, number)


def from_a_fork(stage: Stage) -> None:
    stage.ask(MALLORY, "POST", "forks", {"name": "forked"})
    remote = stage.server.remote(MALLORY, f"{MALLORY}/forked")
    evil = commit(stage.clone, {"environments.yaml": environments(0)}, "forked", day=stage.days())
    stage.update()
    git(stage.clone, "push", "--quiet", remote, f"{evil}:refs/heads/promote/prod/x")
    head = f"{MALLORY}:promote/prod/x"
    body = {"head": head, "base": "main", "title": "fork", "body": ""}
    number = stage.ask(MALLORY, "POST", "pulls", body)["number"]
    said = stage.meshgate("gate", "--all")
    if f"#{number}" in said.out:
        raise StoryError(said.out)
    stage.meshgate("merge", str(number), code=NOT_MERGED)
    close(stage, number)


def label_taken_away(stage: Stage) -> None:
    stage.change({MESH_FILE: peer_authentication("PERMISSIVE")}, "weaker")
    text = environments(own="    require: {mtls: PERMISSIVE}\n")
    agreed = pull_of(stage, "label", {"environments.yaml": text})
    stage.approve(agreed)
    is_gated(stage, agreed, "success")
    merge_by_hand(stage, agreed)
    number = stage.opened("promote", "prod", "--again")["pullRequest"]["number"]
    for label in stage.ask(MALLORY, "GET", f"issues/{number}/labels"):
        stage.ask(MALLORY, "DELETE", f"issues/{number}/labels/{label['id']}")
    stage.approve(number, EVE)
    is_gated(stage, number, "pending", "PR15")
    if "risk/loosens" not in stage.forge().get(number).labels:
        raise StoryError("the label is gone")
    close(stage, number)
    stage.change({"environments.yaml": environments(), **STRICT}, "back")


def comment_of_another(stage: Stage) -> None:
    number = pull_of(stage, "comment", {"environments.yaml": environments(0)})
    stage.meshgate("gate", str(number), code=WAITS)
    (own,) = stage.ask(ADMIN, "GET", f"issues/{number}/comments")
    forged = own["body"].replace("security", "nobody")
    stage.ask(MALLORY, "POST", f"issues/{number}/comments", {"body": forged})
    is_gated(stage, number, "pending", "security")
    bodies = [each["body"] for each in stage.ask(ADMIN, "GET", f"issues/{number}/comments")]
    if bodies != [own["body"], forged]:
        raise StoryError(str(bodies))
    close(stage, number)


def waiver_first(stage: Stage) -> None:
    waiver = "waivers:\n  - {rule: PA001, resource: PeerAuthentication/istio-system/default, "
    waiver += "owner: m, reason: m, expires: 2099-01-01}\n"
    number = pull_of(stage, "waiver", {"waivers/prod.yaml": waiver})
    stage.approve(number, EVE)
    is_gated(stage, number, "pending", "waivers/prod.yaml")
    close(stage, number)


def workflow_edited(stage: Stage) -> None:
    number = pull_of(stage, "workflow", {".gitea/workflows/x.yml": "on: push\n"})
    is_gated(stage, number, "pending", ".gitea/workflows/x.yml")
    close(stage, number)


def pushed_to_main(stage: Stage) -> None:
    made = commit(stage.clone, HOME, "straight to main", day=stage.days())
    stage.update()
    try:
        git(stage.clone, "push", "--quiet", stage.server.remote(MALLORY, PROJECT), f"{made}:main")
    except Exception:  # noqa: BLE001 - whatever it was, nothing was pushed
        return
    raise StoryError("main was pushed to")


ATTACKS = (
    Attack("tags called main and origin/main are not taken for the branch", tag_like_the_branch),
    Attack("a lowered floor waits for security; the author and others do not count", lowered_floor),
    Attack("an approval does not outlive a push", approval_outdated),
    Attack("who owns the rules cannot agree to their own change", owner_is_author),
    Attack("the word of somebody who left the team no longer counts", owner_left),
    Attack("with auto-merge armed nobody has agreed to anything", armed),
    Attack("a floor lowered past the gate lets no promotion pass (PR23)", two_steps),
    Attack("one that security agreed to does", rules_agreed),
    Attack(
        "promotion/gate posted by somebody else merges nothing, and is corrected", status_of_another
    ),
    Attack("an expected check counts by its reporter's word alone", expected_by_another),
    Attack("a hold is not shortened by hand, and resuming wants an approval", weaker_stop),
    Attack("a promotion led to another base is neither gated nor merged", another_base),
    Attack("a promotion squashed with something else is refused (PR01)", squashed_with_more),
    Attack("a promotion under another name is refused (PR05)", forged_by_hand),
    Attack("a fork's branch of a promotion's name is left out", from_a_fork),
    Attack("labels that are taken away come again", label_taken_away),
    Attack("somebody's copy of the gate's comment is left alone", comment_of_another),
    Attack("a waiver waits for security", waiver_first),
    Attack("a workflow waits for security", workflow_edited),
    Attack("Gitea refuses a push to main", pushed_to_main),
)
