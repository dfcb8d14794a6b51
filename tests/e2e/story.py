"""The whole pipeline on one machine: forge, Flux or Argo CD, API server, istiod, Envoys.

`python tests/e2e/story.py [argocd]`: the lab as a story, told while it happens. After each step
every call of the mesh model is compared with what the client sees. 0 when all went as it should.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e import gitea, metadata, policies, sandbox
from e2e.comparison import compare, table
from e2e.istiod import ROOT, mesh_config
from e2e.lab import PARTS, Lab, lab
from e2e.network import Pod
from e2e.policies import APP_UI, BOARDS, DATABASE, PODS, ROGUE, SERVICES
from e2e.processes import Processes, every
from e2e.syncers import SYNCERS, Syncer
from forge.people import protect, settle
from forge.run import GIT
from forge.stage import PROJECT, Stage, StoryError
from forge_worlds import ADMIN, ORGANISATION, PROMOTER
from meshgate.mesh import Outcome
from meshgate.model import JSONObject
from promoted import commit, git, write

# Seconds within which a change that was merged is in the cluster.
# Flux waits two minutes (spec.timeout) for the health of an object that is deleted by hand between
# its apply and its look at it.
SYNCED = 150.0
OTHER = "policies/boards/destinationrule-boards.yaml"
AUTHORIZATION = "authorizationpolicies.security.istio.io/boards"
BROKEN = re.compile(r"release: (r-[0-9a-f]{12}), breaks: ([0-9a-f]+)")
MODE = ("peerauthentication/default", "istio-system", ".spec.mtls.mode")


class Story(Stage):
    """A stage with clusters below it."""

    def __init__(self, server: gitea.Gitea, running: Lab, syncer: Syncer, clone: Path) -> None:
        super().__init__(server, clone)
        self.lab = running
        self.syncer = syncer

    def look(self) -> dict[tuple[str, str, int], frozenset[Outcome]]:
        """Compare every call, print the table; the outcomes seen, by client, service and port."""
        rows = compare(self.lab)
        sys.stdout.write(f"\n{table(rows)}\n\n")
        wrong = [row for row in rows if not row.agrees]
        self.expect(rows and not wrong, f"model and Envoys agree on all {len(rows)} calls", wrong)
        return {(str(row.client), row.host.split(".")[0], row.port): row.outcomes for row in rows}

    def get(self, what: str, namespace: str, field: str) -> str:
        """A field of an object in the cluster; empty where that is not there."""
        query = (
            "-n",
            namespace,
            "get",
            what,
            "--ignore-not-found",
            f"--output=jsonpath={{{field}}}",
        )
        return self.lab.cluster.kubectl(*query).decode()

    def until(self, what: str, namespace: str, field: str, wanted: str) -> float:
        """Wait until a field of an object is so; how many seconds that took."""
        began = time.monotonic()
        for _ in every(0.1, SYNCED):
            if self.get(what, namespace, field) == wanted:
                return time.monotonic() - began
        raise StoryError(
            f"NOT SO: {what} in {namespace} has {field} {wanted!r}\n{self.syncer.tail()}"
        )

    def capture(self) -> None:
        """Write what runs in the cluster into the clone, for both environments."""
        context = ("--context", self.lab.cluster.context)
        kubeconfig = ("--kubeconfig", str(self.lab.cluster.kubeconfig))
        for name in ("dev", "prod"):
            self.meshgate("inventory", "capture", name, *context, *kubeconfig)

    def promoted(self, *arguments: str) -> JSONObject:
        """Propose, approve and merge; what was proposed."""
        opened: JSONObject = self.opened(*arguments)
        number = opened["pullRequest"]["number"]
        self.meshgate("gate", str(number), code=10)
        state, why = self.gate_state(number)
        self.expect(state == "pending", f"#{number} {opened['title']}: the gate waits: {why}")
        self.approve(number)
        self.merge(number)
        self.tell(f"ruth approves; merge #{number}, pinned to the commit that was judged")
        self.syncer.refresh()
        return opened


def rule_for_boards() -> str:
    """What takes the place of the rule for app-ui."""
    host = "boards.boards.svc.cluster.local"
    return policies.destination_rule("boards", "boards", host, "ISTIO_MUTUAL")


def expect_call(
    story: Story,
    seen: dict[tuple[str, str, int], frozenset[Outcome]],
    call: tuple[Pod, Pod, int],
    outcome: Outcome,
    sentence: str,
) -> None:
    client, server, port = call
    found = seen[str(client), server.name, port]
    story.expect(found == {outcome}, sentence, found)


def play(story: Story) -> None:
    """Raises StoryError where it goes another way."""
    opening(story)
    closing(story)
    identifying(story)
    wildcard(story)
    drifting(story)
    reverting(story)
    story.update()
    # As the job does it after each merge.
    story.meshgate("record")
    story.meshgate("audit", "--deep")
    story.tell("audit --deep: everything is as promotion wrote it")
    story.chapter("7. An administrator writes metadata past every check: what RE008 keeps out")
    metadata.play(story, story.lab.cluster, story.syncer)
    said = story.meshgate("audit", "--deep", code=11)
    story.expect("rendered/prod" in said.out + said.err, "audit --deep names rendered/prod", said)
    for at, sentence in enumerate(story.syncer.guards()):
        if at == 0:
            story.chapter(f"8. What {story.syncer.title} alone refuses")
        story.tell(sentence)


def opening(story: Story) -> None:
    story.chapter("1. Everything PERMISSIVE: the lab's opening")
    url = f"{story.server.url}/{PROJECT}.git"
    story.server.call(ADMIN, "POST", f"orgs/{ORGANISATION}/repos", {"name": PROJECT.split("/")[1]})
    story.clone.mkdir()
    git(story.clone, "init", "--quiet", "-b", "main")
    write(story.clone, policies.beginning(url))
    # istiod reads its own from a file, and a cluster has it in this ConfigMap.
    mesh = json.dumps(mesh_config(story.lab.control.xds))
    story.lab.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": ROOT},
            "data": {"mesh": mesh},
        }
    )
    story.capture()
    story.tell("inventory capture: what runs in the cluster, from its API server")
    story.meshgate("sync", story.syncer.name)
    commit(story.clone, {}, "policies of the lab", day=story.days())
    git(story.clone, "remote", "add", "origin", story.server.remote(PROMOTER, PROJECT))
    git(story.clone, "push", "--quiet", "origin", "main")
    story.meshgate("adopt", "prod", "--direct")
    story.update()
    protect(story.server, PROJECT)
    story.tell("prod is adopted, and main protected")
    story.syncer.point(story.clone, story.server.tokens[PROMOTER])
    spent = story.until(*MODE, "PERMISSIVE")
    story.tell(f"{story.syncer.title} brings rendered/prod into the cluster after {spent:.1f} s")
    seen = story.look()
    expect_call(
        story, seen, (APP_UI, BOARDS, 8080), Outcome.OK_MTLS, "app-ui reaches boards by mTLS"
    )
    expect_call(
        story, seen, (ROGUE, BOARDS, 8080), Outcome.OK_PLAINTEXT,
        "and the rogue pod reads /shareditems of boards in plaintext",
    )  # fmt: skip


def closing(story: Story) -> None:
    story.chapter("2. A pull request raises floor and policy; a promotion brings it to prod")
    url = f"{story.server.url}/{PROJECT}.git"
    story.change(
        {**policies.environments(url, "STRICT"), **policies.mesh_wide("STRICT")},
        "mesh: take mutual TLS only, in prod as well",
    )
    story.update()
    told = story.meshgate("plan", "prod").out
    for line in told.splitlines()[:14]:
        sys.stdout.write(f"          | {line}\n")
    opened = story.promoted("promote", "prod")
    body = story.forge().get(opened["pullRequest"]["number"]).body
    story.expect("shut out" in body, "the pull request says which calls are shut out", body[:2000])
    began = time.monotonic()
    story.until(*MODE, "STRICT")
    seen = story.look()
    spent = time.monotonic() - began
    expect_call(
        story, seen, (ROGUE, BOARDS, 8080), Outcome.REFUSED,
        f"{spent:.1f} s after the merge every call is as the model says: the rogue pod is refused",
    )  # fmt: skip
    expect_call(
        story, seen, (APP_UI, BOARDS, 8080), Outcome.OK_MTLS,
        "app-ui still gets its 200, with a SPIFFE identity",
    )  # fmt: skip
    expect_call(
        story, seen, (BOARDS, DATABASE, 27017), Outcome.OK_PLAINTEXT,
        "and the exception for the database holds",
    )  # fmt: skip


def identifying(story: Story) -> None:
    story.chapter("3. The rogue pod gets a sidecar: an identity, which authorization refuses")
    story.lab.inject(ROGUE)
    seen = story.look()
    expect_call(
        story, seen, (ROGUE, BOARDS, 8080), Outcome.OK_MTLS,
        "mutual TLS alone lets everybody in who has an identity, the rogue pod too",
    )  # fmt: skip
    story.update()
    story.capture()
    story.publish(policies.authorization(), "boards: the rogue pod does not get in")
    said = story.meshgate("promote", "prod", code=8)
    broken = BROKEN.search(said.err)
    story.expect(
        broken is not None and "boards/rogue" in said.err,
        "promotion is refused: the rogue pod's calls break, and nobody has said that they may",
        said.err,
    )
    assert broken is not None
    story.change(policies.acknowledged(*broken.groups()), "prod: the rogue pod is to be denied")
    story.update()
    opened = story.promoted("promote", "prod")
    body = story.forge().get(opened["pullRequest"]["number"]).body
    lines = [" ".join(line.split()) for line in body.splitlines() if "rogue" in line]
    story.expect(lines, f"the pull request says it: {lines[0] if lines else ''}", body)
    name = (AUTHORIZATION, "boards", ".metadata.name")
    spent = story.until(*name, "boards")
    story.tell(f"the policy is in the cluster {spent:.1f} s after the merge")
    seen = story.look()
    for port in (8080, 9000):
        expect_call(
            story, seen, (ROGUE, BOARDS, port), Outcome.DENIED,
            f"the rogue pod proves who it is on port {port}, and is denied for it",
        )  # fmt: skip
    expect_call(story, seen, (APP_UI, BOARDS, 8080), Outcome.OK_MTLS, "and the application goes on")


def wildcard(story: Story) -> None:
    story.chapter("4. The lab's own wildcard DestinationRule, in the application's namespace")
    story.update()
    rule = "policies/boards/destinationrule-wildcard.yaml"
    listed = policies.kustomization(*policies.BOARDS_FILES, "destinationrule-wildcard.yaml")
    write(story.clone, {rule: policies.WILDCARD, policies.BOARDS_KUSTOMIZATION: listed})
    said = story.meshgate("diff", "--base", "HEAD", "--env", "prod", code=1)
    breaks = [" ".join(line.split()) for line in said.out.splitlines() if "boards-db" in line]
    story.expect(breaks, f"diff, from files alone: {breaks[0] if breaks else ''}", said.out)
    git(story.clone, "checkout", "--quiet", ".")
    git(story.clone, "clean", "--quiet", "--force", "-d", "policies")
    story.lab.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=policies.WILDCARD.encode())
    seen = story.look()
    expect_call(
        story, seen, (BOARDS, DATABASE, 27017), Outcome.TLS_TO_APP,
        "applied by hand, Envoy agrees: boards loses its database",
    )  # fmt: skip
    story.lab.cluster.kubectl("-n", "boards", "delete", "destinationrule", "wildcard")
    story.look()


def drifting(story: Story) -> None:
    story.chapter("5. Drift comes back, and what is removed in git is pruned")
    cluster = story.lab.cluster
    cluster.kubectl("-n", "istio-system", "delete", "peerauthentication", "default")
    story.syncer.refresh()
    spent = story.until(*MODE, "STRICT")
    story.tell(f"the mesh-wide policy, deleted by hand, is back after {spent:.1f} s")
    edit = json.dumps({"spec": {"mtls": {"mode": "PERMISSIVE"}}})
    patch = ("patch", "peerauthentication", "default", "--type=merge", "-p", edit)
    cluster.kubectl("-n", "istio-system", *patch)
    story.syncer.refresh()
    spent = story.until(*MODE, "STRICT")
    story.tell(f"edited by hand to PERMISSIVE, it is STRICT again after {spent:.1f} s")
    files = (policies.BOARDS_FILES[0], "destinationrule-boards.yaml")
    listed = {policies.BOARDS_KUSTOMIZATION: policies.kustomization(*files)}
    story.change(
        {**listed, OTHER: rule_for_boards()},
        "boards: a rule for boards in place of that for app-ui",
        removed=policies.EXTRA,
    )
    story.promoted("promote", "prod")
    spent = story.until("destinationrule/app-ui", "boards", ".metadata.name", "")
    story.tell(f"the rule that git has no more is pruned {spent:.1f} s after the merge")
    story.look()


def reverting(story: Story) -> None:
    story.chapter("6. A bad promotion is rolled back by replay, and the hold stands")
    opened = story.opened(
        "rollback", "prod", "--to", "3", "--reason", "503 in app-ui", "--ticket", "INC-12"
    )
    number = opened["pullRequest"]["number"]
    story.approve(number)
    story.merge(number)
    story.syncer.refresh()
    wanted = story.rendered("prod", 3)
    story.expect(
        git(story.clone, "rev-parse", "HEAD:rendered/prod") == wanted,
        f"rollback #{number} brings back the very bytes of record 3",
    )
    spent = story.until("destinationrule/app-ui", "boards", ".metadata.name", "app-ui")
    story.tell(f"and {story.syncer.title} the rule of then, {spent:.1f} s later")
    story.meshgate("promote", "prod", code=9)
    story.tell("what was rolled back is rejected: promote prod finds nothing (exit 9)")
    story.change({OTHER: rule_for_boards() + '  exportTo: ["*"]\n'}, "boards: a newer release")
    said = story.meshgate("promote", "prod", code=10)
    story.expect(
        "PR11" in said.err, "nor does a newer release get in: prod is held (exit 10)", said
    )
    story.look()


def inside(folder: Path, syncer_name: str) -> int:
    """In the sandbox: everything up, the story, everything down."""
    began = time.monotonic()
    with ExitStack() as stack:
        running = stack.enter_context(lab(folder, PODS, SERVICES))
        processes = stack.enter_context(Processes(folder / "logs"))
        up = time.monotonic()
        server = gitea.start(processes, folder, "127.0.0.1")
        os.environ.update(GIT)
        settle(server)
        forge_up = time.monotonic()
        syncer = SYNCERS[syncer_name](processes, folder, running.cluster)
        ready = time.monotonic()
        say(
            f"API server, istiod and {len(PODS)} pods are up after {up - began:.0f} s,",
            f"Gitea {forge_up - up:.0f} s later, {syncer.title} {ready - forge_up:.0f} s later.",
        )
        story = Story(server, running, syncer, folder / "clone")
        try:
            play(story)
        except StoryError as error:
            sys.stderr.write(f"\n{error}\n")
            return 1
        told = time.monotonic()
    down = time.monotonic()
    say(
        f"\nThe story took {told - ready:.0f} s; all is down {down - told:.0f} s later,",
        f"{down - began:.0f} s in all.",
    )
    return 0


def say(*parts: str) -> None:
    """One line for the person who waits."""
    sys.stdout.write(" ".join(parts) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """The exit code: 0, 1, or that of the error that kept the story from being told."""
    name = arguments[0] if arguments else "flux"
    if name not in SYNCERS:
        sys.stderr.write(f"no such syncer: {name}; known: {', '.join(SYNCERS)}\n")
        return 2
    needed = [*PARTS, "gitea", *SYNCERS[name].parts]
    return sandbox.lead(arguments, needed, lambda folder, _: inside(folder, name))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
