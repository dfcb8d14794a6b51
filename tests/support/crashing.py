"""Kill a flow after each of its steps and run it again: the end must be the same.

A program of its own: it forks, one child for each step, and a child ends by SIGKILL as a machine
does. `python tests/support/crashing.py FLOW FOLDER EVERY` prints one line of JSON for each step
that was tried, the first and each EVERYth after it; FOLDER holds the repositories to start from.
The package knows nothing of this: its calls are wrapped from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import promoted
from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.store import Store
from meshgate.promotion.record import record
from meshgate.repository import Repository
from pipeline import Pipeline, copy

RULE = "policies/shop/destinationrule-cart.yaml"
# What git changes: objects, and then what people see of them.
STEPS = frozenset({"commit-tree", "push", "update-ref", "tag"})
FIX = "hotfix/prod/cart"
LINKED = "https://forge.example/pr/77"


def prepare_promote(pipeline: Pipeline) -> None:
    """An older release is open, which the new one closes."""
    pipeline.promote("staging")
    pipeline.commit({RULE: promoted.RULE + "  exportTo: [.]\n"})


def prepare_merge(pipeline: Pipeline) -> None:
    pipeline.promote("staging")


def prepare_rollback(pipeline: Pipeline) -> None:
    pipeline.promoted("staging")


def prepare_hotfix(pipeline: Pipeline) -> None:
    source = pipeline.state("prod").source.commit
    promoted.git(pipeline.work, "switch", "-q", "-c", FIX, source)
    promoted.commit(pipeline.work, {RULE: promoted.RULE + "  exportTo: [.]\n"}, "fix", day=11)
    promoted.git(pipeline.work, "push", "-q", "origin", FIX)
    promoted.git(pipeline.work, "switch", "-q", "main")


def tags(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        _, degraded = record(session)
    assert not degraded


FLOWS: dict[str, tuple[Callable[[Pipeline], object], Callable[[Pipeline], object]]] = {
    "promote": (prepare_promote, lambda pipeline: pipeline.promote("staging")),
    "merge": (prepare_merge, lambda pipeline: pipeline.merge(1)),
    "squash": (prepare_merge, lambda pipeline: pipeline.merge(1, "squash")),
    "rollback": (prepare_rollback, lambda pipeline: pipeline.roll_back("staging", 1)),
    "hotfix": (prepare_hotfix, lambda pipeline: pipeline.hotfix("prod", FIX, linked=LINKED)),
    "hold": (lambda _: None, lambda pipeline: pipeline.hold("prod")),
    "record": (prepare_rollback, tags),
}


class Killer:
    """Ends this process after its step number `last`; writes the name of each step, a line each."""

    def __init__(self, last: int, stream: int) -> None:
        self.last = last
        self.stream = stream
        self.count = 0

    def step(self, name: str) -> None:
        self.count += 1
        os.write(self.stream, f"{name}\n".encode())
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        run, opened = Repository.run, Store.changed

        def counted(repository: Repository, *arguments: str, **how: JSON) -> str:
            result = run(repository, *arguments, **how)
            if arguments[0] in STEPS:
                self.step(f"git {arguments[0]}")
            return result

        @contextlib.contextmanager
        def written(book: Store) -> Iterator[JSONObject]:
            with opened(book) as value:
                yield value
            self.step("forge")

        Repository.run = counted  # type: ignore[method-assign, assignment] # wraps it
        Store.changed = written  # type: ignore[method-assign, assignment] # wraps it


def in_child(act: Callable[[], object], last: int = 0) -> tuple[int, list[str]]:
    """Run in a process of its own: its exit code, negative for a signal, and the steps it took."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        Killer(last, writer).install()
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - told by the exit code
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        steps = stream.read().decode().splitlines()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), steps


def end_state(pipeline: Pipeline) -> JSON:
    """What a run leaves, without ids that hold the time."""
    refs = promoted.git(
        pipeline.hub, "for-each-ref", "--format=%(refname) %(objecttype) %(tree)%(*tree)"
    )
    book = pipeline.local().store.read()
    pulls = [
        {key: pull[key] for key in ("head", "base", "title", "body", "state", "labels", "comments")}
        for pull in book["pulls"]
    ]
    told = json.dumps({"refs": refs.splitlines(), "pulls": pulls})
    return json.loads(told.replace(str(pipeline.hub), "HUB"))


def main(flow: str, once: Pipeline, every: int) -> None:
    prepare, act = FLOWS[flow]
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        start = copy(once, place(folder, "start"))
        prepare(start)
        whole = copy(start, place(folder, "whole"))
        code, steps = in_child(lambda: act(whole))
        assert code == 0
        wanted = end_state(whole)
        for last in range(1, len(steps) + 1, every):
            pipeline = copy(start, place(folder, str(last)))
            code, died = in_child(lambda: act(pipeline), last)  # noqa: B023 - run at once
            again, _ = in_child(lambda: act(pipeline))  # noqa: B023 - run at once
            actual = end_state(pipeline)
            result = {"step": died[-1], "killed": code, "again": again, "same": actual == wanted}
            if actual != wanted:
                result |= {"actual": actual, "wanted": wanted}
            print(json.dumps(result))


def place(folder: str, name: str) -> Path:
    path = Path(folder, name)
    path.mkdir()
    return path


if __name__ == "__main__":
    root = Path(sys.argv[2])
    main(sys.argv[1], Pipeline(root / "work", root / "hub.git"), int(sys.argv[3]))
