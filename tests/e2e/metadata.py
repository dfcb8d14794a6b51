"""What metadata makes the real agents do, past all that refuses it: the table of RE008.

Each row is an object of its own in the folder that prod is synced from, and so is one without any
mark: what is seen of a row is what is not seen of that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from e2e.apiserver import Cluster
from e2e.processes import every
from e2e.syncers import Syncer
from forge.stage import Stage, StoryError
from meshgate.model import JSONObject
from meshgate.rules.seen_metadata import SEEN, Agent, ObservedBehaviour, SeenMark

AGENTS = {"argocd": Agent.ARGO_CD, "flux": Agent.FLUX}
NAMESPACE = "boards"
FOLDER = f"rendered/prod/{NAMESPACE}"
UNMARKED = "unmarked"
CONTROL_OF_LATE = "unmarked-late"
# A sync owns the fields that git has: what is added beside them, Argo CD never looks at.
USUAL = {Agent.ARGO_CD: {ObservedBehaviour.FOREIGN_STAYS}, Agent.FLUX: set[ObservedBehaviour]()}
# Seconds. Flux waits for the health of what it has applied.
SYNCED = 150.0
# What an agent will not do, it has this long to do.
WATCHED = 6.0
# Beside the fields of git, it turns mutual TLS off for a port.
PLAINTEXT = {"port": {"number": 8080}, "tls": {"mode": "DISABLE"}}
BY_HAND = {"spec": {"trafficPolicy": {"portLevelSettings": [PLAINTEXT]}}}


class Live(NamedTuple):
    """What the cluster has of an object."""

    uid: str
    exported: tuple[str, ...]
    by_hand: bool


def play(stage: Stage, cluster: Cluster, syncer: Syncer) -> None:
    """Raises StoryError where an agent does something else than the table says."""
    trial = Trial(stage, cluster, syncer)
    late = {name for name, row in trial.rows.items() if row.seen is ObservedBehaviour.UNNOTICED}
    at_once = {UNMARKED, *trial.rows} - late
    controlled = late | {CONTROL_OF_LATE} if late else late
    trial.judge(trial.steps(at_once, controlled))
    _clear(cluster, at_once)
    if late:
        trial.remove_later(late)


class Trial:
    """The rows of one agent, and how its cluster comes to have them."""

    def __init__(self, stage: Stage, cluster: Cluster, syncer: Syncer) -> None:
        self.stage = stage
        self.cluster = cluster
        self.syncer = syncer
        self.agent = AGENTS[syncer.name]
        self.rows = {f"row-{at}": row for at, row in enumerate(SEEN) if row.agent is self.agent}

    def steps(
        self, at_once: Collection[str], later: Collection[str]
    ) -> dict[str, set[ObservedBehaviour]]:
        """Written, marked and changed, synced again, removed: what became of those removed."""
        names = sorted({*at_once, *later})
        self._push(self._written(1, names, marked=False), "objects without marks")
        first = _live(self.cluster)
        missing = [name for name in names if name not in first]
        told = f"{len(names)} objects are in the cluster, none marked"
        self.stage.expect(not missing, told, missing)

        self._push(self._written(2, names, marked=True), "the same, changed and marked")
        second = _live(self.cluster)
        for name in second.keys() & set(names):
            edit = ("patch", "destinationrule", name, "--type=merge", "-p", json.dumps(BY_HAND))
            self.cluster.kubectl("-n", NAMESPACE, *edit)
        self._push(self._written(3, (), marked=True), "another object")
        third = _live(self.cluster)
        self._verify()

        self._push(self._written(4, (), marked=True), "without them", removed=at_once)
        every_step = (first, second, third, _live(self.cluster))
        return {name: _seen(name, every_step) for name in at_once}

    def _verify(self) -> None:
        """What the agent leaves of an edit by hand, `verify` finds, with or without a mark."""
        if ObservedBehaviour.FOREIGN_STAYS not in USUAL[self.agent]:
            return
        which = ("--context", self.cluster.context, "--kubeconfig", str(self.cluster.kubeconfig))
        said = self.stage.meshgate("verify", "prod", *which, code=1)
        named = f"DestinationRule/{NAMESPACE}/{UNMARKED} is changed"
        told = f"verify: {named}, by hand, and {self.syncer.title} leaves it"
        self.stage.expect(named in said.out and "portLevelSettings" in said.out, told, said)

    def judge(self, seen: Mapping[str, set[ObservedBehaviour]]) -> None:
        """Compare what was seen with the table, beside what is so of any object."""
        usual = seen[UNMARKED]
        but = "".join(f"; but {each}" for each in usual)
        told = f"an object without a mark is as git has it{but}"
        self.stage.expect(usual == USUAL[self.agent], told, usual)
        for name, row in self.rows.items():
            if name not in seen:
                continue
            own = seen[name] - usual
            so = not own if row.seen is ObservedBehaviour.AS_UNMARKED else row.seen in own
            self.stage.expect(so, f"{row.shown}: {row.seen}", own)

    def remove_later(self, names: Collection[str]) -> None:
        """Remove objects in a commit that changes nothing else; then one that has no mark."""
        # What stayed of the others would begin a sync by itself.
        self._push(self._written(5, (), marked=True), "nothing else is out of place")
        self._publish({}, "without the rest", names)
        for _ in every(WATCHED / 4, WATCHED):
            self.syncer.refresh()
        left = _live(self.cluster)
        for name in names:
            row = self.rows[name]
            self.stage.expect(name in left, f"{row.shown}: {row.seen}", set(left))
        self._push({}, "without one that has no mark", removed={CONTROL_OF_LATE})
        left = _live(self.cluster)
        gone = not left.keys() & {CONTROL_OF_LATE, *names}
        told = "the next removal, of an object without a mark, starts one that takes both"
        self.stage.expect(gone, told, set(left))

    def _written(self, step: int, chosen: Collection[str], *, marked: bool) -> dict[str, str]:
        """The objects as of a step, and one more that changes with every step."""
        exported = "*" if marked else "."
        made = {
            _path(name): _rule(name, exported, self.rows.get(name) if marked else None)
            for name in chosen
        }
        return {**made, _path("step"): _rule(f"step-{step}", ".", None)}

    def _publish(self, files: Mapping[str, str], message: str, removed: Collection[str]) -> str:
        """Push to the main line, as an administrator may; the commit."""
        self.stage.update()
        for name in removed:
            (self.stage.clone / _path(name)).unlink()
        commit = self.stage.publish(files, message)
        self.syncer.refresh()
        return commit

    def _push(
        self, files: Mapping[str, str], message: str, *, removed: Collection[str] = ()
    ) -> None:
        """The same; the agent has synced it when this returns."""
        commit = self._publish(files, message, removed)
        for _ in every(0.2, SYNCED):
            if self.syncer.synced(commit):
                return
        told = f"NOT SO: {self.syncer.title} syncs {message!r}"
        raise StoryError(f"{told}\n{self.syncer.tail()}")


def _seen(name: str, steps: tuple[Mapping[str, Live], ...]) -> set[ObservedBehaviour]:
    """What became of an object at each step."""
    first, second, third, fourth = (step.get(name) for step in steps)
    seen: set[ObservedBehaviour] = set()
    if second is None or third is None:
        seen.add(ObservedBehaviour.TAKEN_AWAY)
    elif first is not None:
        if second.exported == first.exported and third.exported == first.exported:
            seen.add(ObservedBehaviour.NEVER_CHANGED)
        if len({first.uid, second.uid, third.uid}) == len(steps[:3]):
            seen.add(ObservedBehaviour.MADE_ANEW)
        if third.by_hand:
            seen.add(ObservedBehaviour.FOREIGN_STAYS)
    if fourth is not None:
        seen.add(ObservedBehaviour.STAYS)
    return seen


def _live(cluster: Cluster) -> dict[str, Live]:
    """The namespace's DestinationRules by name."""
    answer = cluster.kubectl("-n", NAMESPACE, "get", "destinationrules", "--output=json")
    return {each["metadata"]["name"]: _read(each) for each in json.loads(answer)["items"]}


def _read(rule: JSONObject) -> Live:
    spec = rule["spec"]
    by_hand = "portLevelSettings" in spec.get("trafficPolicy", {})
    return Live(rule["metadata"]["uid"], tuple(spec.get("exportTo", ())), by_hand)


def _path(name: str) -> str:
    return f"{FOLDER}/destinationrule-{name}.yaml"


def _rule(name: str, exported: str, mark: SeenMark | None) -> str:
    metadata: JSONObject = {"name": name, "namespace": NAMESPACE}
    if mark is not None:
        metadata[mark.field] = {mark.key: mark.value} if mark.key else [mark.value]
    made = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata,
        "spec": {
            "host": f"{name}.{NAMESPACE}.svc.cluster.local",
            "exportTo": [exported],
            "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
        },
    }
    return json.dumps(made) + "\n"


def _clear(cluster: Cluster, names: Collection[str]) -> None:
    """Take away what is left of these: nobody else does, nor takes their finalizers."""
    for name in _live(cluster).keys() & set(names):
        bare = ("patch", "destinationrule", name, "--type=merge")
        cluster.kubectl("-n", NAMESPACE, *bare, "-p", '{"metadata":{"finalizers":null}}')
        cluster.kubectl("-n", NAMESPACE, "delete", "destinationrule", name, "--ignore-not-found")
