"""Run each workflow's jobs with nektos/act against a local forge: `nox -s workflows`.

`python tests/workflows/run.py [promotion|rules|jobs|init|shards|nested|gitlab]...`: without a word,
all of them. There is no container and no network: what act would fetch from GitHub stands beside
this file and does the same here. docs/workflows.md tells what this cannot show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import promoted
from e2e.build import ensure
from meshgate.cli.init import init
from meshgate.promotion.environment_state import Event
from meshgate.promotion.forges import PullRequest, StatusState
from meshgate.promotion.release import Releases
from meshgate.repository import Repository
from promoted import FILES, RULE, STRICT, commit, git, write
from workflows.gitlab import gitlab
from workflows.shards import nested, shards
from workflows.world import (
    GATE,
    PROMOTER,
    REVIEWER,
    ROOT,
    Ran,
    WorkflowError,
    World,
    tool_files,
    world,
)

TEAMS = {"security": [REVIEWER]}
OWNED = "approvals: {%sweakening: {teams: [security]}, rules: {teams: [security]}}"
ENVIRONMENTS = f"""\
environments:
  - name: dev
    overlay: overlays/dev
    mode: floating
    require: {{mtls: PERMISSIVE}}
  - name: staging
    overlay: overlays/staging
    mode: pinned
    after: [dev]
    require: {{mtls: PERMISSIVE}}
    merge: tool
    gates: []
    gatesWaived: a sample
    {OWNED % ""}
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: [staging]
    require: {{mtls: PERMISSIVE}}
    gates: []
    gatesWaived: a sample
    {OWNED % "count: 1, "}
"""
SAMPLES = {**FILES, "environments.yaml": ENVIRONMENTS}
RULE_FILE = "policies/shop/destinationrule-cart.yaml"
CHECK = "promotion-check"


def begin(made: World, *, policies: bool) -> None:
    """A repository with main on the forge; without `policies` of its own, the samples'."""
    folder = tool_files(made.clone, policies=policies)
    git(folder, "init", "--quiet", "-b", "main")
    if not policies:
        write(folder, SAMPLES)
    commit(folder, {}, "start")
    if not policies:
        for day, name in enumerate(promoted.PINNED, 1):
            promoted.promote(folder, name, event=Event.ADOPT, day=day)
    git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(made.origin))
    git(folder, "remote", "add", "origin", str(made.origin))
    made.update()


def checked(made: World, pull: PullRequest, *, code: int = 0) -> Ran:
    """`promotion-check` of a pull request, and the check run that GitHub makes of its end."""
    ran = made.act("pull_request", CHECK, made.on_pull_request(pull), code=code)
    made.fake.check_runs = [
        {
            "name": CHECK,
            "status": "completed",
            "conclusion": "failure" if code else "success",
            "app": {"slug": "github-actions"},
        }
    ]
    return ran


def gated(made: World, pull: PullRequest) -> tuple[StatusState, str]:
    """`promotion-gate`, and what it posts."""
    made.act("schedule", "promotion-gate", made.on_main())
    posted = {one.context: one for one in made.forge(GATE).get_statuses(pull.head_sha)}
    status = posted["promotion/gate"]
    if status.reporter != GATE:
        raise WorkflowError(f"promotion/gate was posted by {status.reporter}")
    return status.state, status.description


def promotion(made: World) -> None:
    made.chapter("A pull request is validated, commented, promoted, gated, merged, recorded")
    begin(made, policies=False)
    pull = made.changed("strict", STRICT, "mesh: demand mTLS")
    event = made.on_pull_request(pull)
    ran = made.act(
        "pull_request", "validate", event, "--job", "session", "--matrix", "session:validate"
    )
    made.expect("Job succeeded" in ran.out, f"validate.yml: session (validate) on #{pull.number}")
    made.act("pull_request", "validate", event, "--job", "effect")
    ((author, text),) = made.forge(REVIEWER).comments(pull.number)
    made.expect(
        "PERMISSIVE" in text and author == "github-actions",
        f"validate.yml: effect comments on #{pull.number}: {_headline(text)}",
        text,
    )
    made.act("pull_request", "validate", event, "--job", "effect")
    made.expect(
        len(made.forge(REVIEWER).comments(pull.number)) == 1, "once more: one comment still"
    )
    checked(made, pull)
    made.tell(f"promotion-check.yml: green on #{pull.number}")
    state, words = gated(made, pull)
    made.expect(state == "success", f"promotion-gate.yml: promotion/gate on it: {state}", words)
    made.merged(pull)

    made.act("push", "promote", made.on_main())
    (staging,) = made.forge(PROMOTER).closed("promote/staging/" + _release(made), "main")
    made.expect(
        staging.state == "merged",
        f"promote.yml on the push to main opens #{staging.number} {staging.title}, and merges it: "
        "`merge: tool`",
        staging,
    )
    made.update()
    made.act("schedule", "promote", made.on_main())
    (prod,) = made.forge(PROMOTER).list_open("main", "promote/prod/")
    made.tell(f"promote.yml on its schedule opens #{prod.number} {prod.title}, for people to merge")
    checked(made, prod)
    state, words = gated(made, prod)
    made.expect(state == "pending", f"#{prod.number} {prod.title} waits: {words}")
    made.forge(REVIEWER).review(prod.number)
    state, words = gated(made, prod)
    made.expect(state == "success", f"{REVIEWER} approves #{prod.number}: {state}", words)
    made.merged(prod)
    made.act("push", "record", made.on_main())
    tags = git(made.origin, "tag", "--list").split()
    made.expect("env/prod/0002" in tags, f"record.yml tags what was merged: {' '.join(tags)}")
    made.act("schedule", "audit", made.on_main(), environment=_gh(made))
    made.tell("audit.yml: all of history is as promotion wrote it")


def rules(made: World) -> None:
    made.chapter("What must be refused")
    begin(made, policies=False)
    lowered = ENVIRONMENTS.replace("count: 1, ", "")
    pull = made.changed("lowered", {"environments.yaml": lowered}, "prod needs nobody")
    ran = checked(made, pull)
    made.expect(
        "needs approval of security" in ran.out, "promotion-check.yml tells whose word a rule needs"
    )
    state, words = gated(made, pull)
    made.expect(state == "pending", f"promotion-gate.yml: {state}: {words}")
    made.forge(REVIEWER).review(pull.number)
    state, words = gated(made, pull)
    made.expect(state == "success", f"{REVIEWER} of security approves: {state}", words)

    forged = {"rendered/prod/x.yaml": "kind: X\n", "noxfile.py": "raise SystemExit(0)\n"}
    pull = made.changed("forged", forged, "by hand")
    ran = checked(made, pull, code=1)
    made.expect("PR02" in ran.out, "promotion-check.yml refuses what is written by hand (PR02)")
    made.tell("and ran the base's noxfile, not the one that the pull request brings")
    state, words = gated(made, pull)
    made.expect(state == "failure", f"promotion-gate.yml: {state}: {words}")

    git(made.clone, "push", "--quiet", "origin", f"{pull.head_sha}:refs/tags/main")
    green = made.changed("fine", {RULE_FILE: RULE + "  exportTo: [.]\n"}, "shop: at home")
    checked(made, green)
    made.tell("a tag called main is not taken for the branch by promotion-check.yml")
    state, _ = gated(made, green)
    made.expect(state == "success", "nor by promotion-gate.yml")
    git(made.clone, "push", "--quiet", "origin", ":refs/tags/main")

    ledger = next((made.clone / "promotion/ledger/prod").iterdir())
    lie = {str(ledger.relative_to(made.clone)): ledger.read_text() + "# approved\n"}
    made.merged(made.changed("lie", lie, "a lie"))
    ran = made.act("schedule", "audit", made.on_main(), code=1, environment=_gh(made))
    asked = (made.folder / "gh.log").read_text()
    made.expect("issue create" in asked, "audit.yml: a forged record fails it, and opens an issue")


def jobs(made: World) -> None:
    made.chapter("This repository's own jobs")
    begin(made, policies=True)
    pull = made.changed("docs", {"docs/x.md": "# X\n"}, "docs: x")
    event = made.on_pull_request(pull)
    narrowed = {"PYTEST_ADDOPTS": "tests/hostile/test_hostile_supply.py"}
    for session in ("validate", "lint", "typing", "tests"):
        chosen = ("--job", "session", "--matrix", f"session:{session}")
        made.act("pull_request", "validate", event, *chosen, environment=narrowed)
        made.tell(f"validate.yml: session ({session})")
    made.act("schedule", "update", made.on_main(), "--matrix", "session:docs")
    made.tell("update.yml: freshness (docs)")


def started(made: World) -> None:
    made.chapter("What `meshgate init` writes")
    init(made.clone)
    wheel = _wheel(made)
    workflow = made.clone / ".github/workflows/validate.yml"
    text = workflow.read_text()
    workflow.write_text("".join(_installing(line, wheel) for line in text.splitlines(True)))
    git(made.clone, "init", "--quiet", "-b", "main")
    commit(made.clone, {}, "start")
    git(made.folder, "clone", "--quiet", "--bare", str(made.clone), str(made.origin))
    git(made.clone, "remote", "add", "origin", str(made.origin))
    made.act("push", "validate", made.on_main())
    made.tell("validate.yml of a new repository is green")
    broken = {"overlays/prod/kustomization.yaml": "resources: [nothing.yaml]\n"}
    pull = made.changed("broken", broken, "broken")
    made.act("pull_request", "validate", made.on_pull_request(pull), code=1)
    made.tell("and red for an overlay that names what is not there")


def _installing(line: str, wheel: Path) -> str:
    return f'  MESHGATE: "{wheel}"\n' if line.startswith("  MESHGATE:") else line


def _wheel(made: World) -> Path:
    """This meshgate as pip installs it, with what it needs there already."""
    python = made.python / "bin/python"
    options = ["--quiet", "--require-hashes", "--python", str(python), "-r"]
    subprocess.run(["uv", "pip", "install", *options, str(ROOT / "constraints.txt")], check=True)
    target = made.folder / "wheel"
    argv = [str(python), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*argv, "--wheel-dir", str(target), str(ROOT)], check=True)
    (wheel,) = target.iterdir()
    return wheel


def _gh(made: World) -> dict[str, str]:
    """A `gh` that writes down what it is asked, and finds no issue."""
    folder = made.folder / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "gh"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {made.folder}/gh.log\n[ "$2" = list ] && echo 0\nexit 0\n'
    )
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def _release(made: World) -> str:
    """The newest release of main."""
    with Repository(made.clone) as repository:
        return Releases(repository, "origin/main").newest().id


def _headline(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("<")]
    return lines[0].lstrip("# ")


CHAPTERS: dict[str, Callable[[World], None]] = {
    "promotion": promotion,
    "rules": rules,
    "jobs": jobs,
    "init": started,
    "shards": lambda made: shards(made, _wheel),
    "nested": lambda made: nested(made, _wheel),
    "gitlab": lambda made: gitlab(made, _wheel),
}


def main(arguments: list[str]) -> int:
    """0 when every job ended as it should."""
    ensure(["act"])
    os.environ.update(
        {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A Person"), ("EMAIL", "person@example.com"))
        }
    )
    for name in arguments or CHAPTERS:
        with tempfile.TemporaryDirectory(prefix="meshgate-workflows-") as folder:
            try:
                with world(Path(folder), TEAMS) as made:
                    CHAPTERS[name](made)
            except WorkflowError as error:
                sys.stderr.write(f"\n{error}\n")
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
