"""Two writers over one bare repository, in any order: the ledger stays whole, whoever is faster.

`nox -s stateful` runs many more examples; STATEFUL_EXAMPLES is how many.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import promoted
from meshgate.errors import IntegrityError, MeshgateError
from meshgate.promotion.audit import Renders, faults, foreign
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import at_commit, contents
from meshgate.promotion.ledger import Recorded, read_files, read_ledger
from meshgate.promotion.line import hold, write
from meshgate.promotion.prepare import refuse
from meshgate.promotion.promote import PromoteOptions, prepare_promotion
from meshgate.promotion.pull_request import propose, supersede
from meshgate.promotion.release import Releases
from meshgate.repository import Repository
from pipeline import Pipeline, copy
from places import CACHE

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "6"))
STEPS = 15
# Examples are dealt out, so that the shards run side by side.
SHARDS = 3
METHODS = st.sampled_from(["merge", "squash", "rebase"])
MAYBE_MERGED = st.sampled_from(["merge", "squash", "rebase", ""])
WRITERS = st.integers(0, 1)
ENVIRONMENTS = st.sampled_from(promoted.PINNED)
RULE = "policies/shop/destinationrule-cart.yaml"
# What main may hold: each makes a release that has been seen before, or a new one.
INPUTS = (
    {"policies/mesh/peerauthentication-default.yaml": promoted.peer_authentication("STRICT")},
    {"policies/mesh/peerauthentication-default.yaml": promoted.peer_authentication("PERMISSIVE")},
    {RULE: promoted.RULE},
    {RULE: promoted.RULE + "  exportTo: [.]\n"},
    {RULE: promoted.RULE + "  subsets: [{name: v1, labels: {version: v1}}]\n"},
)
INPUT = st.sampled_from(INPUTS)


class Promotions(RuleBasedStateMachine):
    """Every flow, by two writers; what a flow refuses to do is no failure."""

    once: Pipeline

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshgate-"))
        first = copy(self.once, self.folder)
        self.writers = (first, first.another("other"))
        self.seen: dict[str, bytes] = {}
        self.main = ""
        self.fixes = 0
        # What a writer has judged and not yet pushed.
        self.pending: list[Callable[[], object] | None] = [None, None]
        self.opened = [contextlib.ExitStack(), contextlib.ExitStack()]
        self.hub = Repository(first.hub)
        self.renders = Renders(self.hub, CACHE)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        for stack in self.opened:
            stack.close()
        self.hub.close()
        shutil.rmtree(self.folder)

    @rule(files=INPUT, far=st.booleans(), writer=WRITERS, method=METHODS)
    def release(self, files: dict[str, str], writer: int, method: str, *, far: bool) -> None:
        """Main moves on, and its release goes through one environment or both."""
        self.writers[0].commit(files)
        self.tell_time()
        for name in promoted.PINNED if far else promoted.PINNED[:1]:
            self.promote(writer, name, refresh=True, method=method)

    @rule(writer=WRITERS, name=ENVIRONMENTS, refresh=st.booleans(), method=MAYBE_MERGED)
    def promote(self, writer: int, name: str, *, refresh: bool, method: str) -> None:
        with allowed():
            opened = self.writers[writer].promote(name, refresh=refresh, again=True)
            self.merge_one(writer, opened.pull.number, method)

    @rule(writer=WRITERS, name=ENVIRONMENTS)
    def judge(self, writer: int, name: str) -> None:
        """The first half of a promotion: the other writer may act before the second."""
        self.opened[writer].close()
        with allowed():
            found = self.opened[writer].enter_context(self.writers[writer].session())
            prepared = prepare_promotion(found, name, PromoteOptions())
            refuse(prepared)
            self.pending[writer] = lambda: supersede(
                found, propose(found, prepared, refresh=True, again=True)
            )

    @rule(writer=WRITERS, name=ENVIRONMENTS)
    def judge_hold(self, writer: int, name: str) -> None:
        """The first half of a hold that is pushed to main."""
        self.opened[writer].close()
        with allowed():
            found = self.opened[writer].enter_context(self.writers[writer].session())
            prepared = hold(found, name, reason="incident")
            self.pending[writer] = lambda: write(found, prepared, direct=True)

    @rule(writer=WRITERS)
    def push(self, writer: int) -> None:
        """The second half."""
        act, self.pending[writer] = self.pending[writer], None
        if act is not None:
            with allowed():
                act()

    @rule(writer=WRITERS, which=st.integers(0, 9), method=METHODS, approved=st.booleans())
    def merge(self, writer: int, which: int, method: str, *, approved: bool) -> None:
        """Any open request, approved or not."""
        pulls = self.writers[0].local().list_open("main")
        if pulls:
            with allowed():
                self.merge_one(writer, pulls[which % len(pulls)].number, method, approved=approved)

    @rule(writer=WRITERS, name=ENVIRONMENTS, method=MAYBE_MERGED)
    def stop_line(self, writer: int, name: str, method: str) -> None:
        with allowed():
            opened = self.writers[writer].hold(name)
            self.merge_one(writer, opened.pull.number, method)

    @rule(writer=WRITERS, method=MAYBE_MERGED)
    def resume(self, writer: int, method: str) -> None:
        for name in promoted.PINNED:
            if self.writers[0].state(name).hold is not None:
                with allowed():
                    opened = self.writers[writer].resume(name)
                    self.merge_one(writer, opened.pull.number, method)

    @rule(writer=WRITERS, name=ENVIRONMENTS, back=st.integers(1, 3), method=MAYBE_MERGED)
    def roll_back(self, writer: int, name: str, back: int, method: str) -> None:
        to = max(1, self.writers[0].state(name).sequence - back)
        with allowed():
            opened = self.writers[writer].roll_back(name, to)
            self.merge_one(writer, opened.pull.number, method)

    @rule(writer=WRITERS, files=INPUT, method=MAYBE_MERGED)
    def hotfix(self, writer: int, files: dict[str, str], method: str) -> None:
        pipeline = self.writers[writer]
        self.fixes += 1
        branch = f"hotfix/prod/{self.fixes}"
        source = pipeline.state("prod").source.commit
        pipeline.sync()
        promoted.git(pipeline.work, "switch", "-q", "-c", branch, source)
        promoted.commit(pipeline.work, files, "a fix", day=pipeline.days)
        promoted.git(pipeline.work, "push", "-q", "origin", branch)
        promoted.git(pipeline.work, "switch", "-q", "main")
        with allowed():
            opened = pipeline.hotfix("prod", branch, linked="https://forge.example/pr/7")
            self.merge_one(writer, opened.pull.number, method)

    def merge_one(self, writer: int, number: int, method: str, *, approved: bool = True) -> None:
        """Two people approve, and the tool merges; not at all where there is no method."""
        if not method:
            return
        if approved:
            self.writers[0].approve(number)
        self.writers[writer].merge(number, method)
        self.tell_time()

    @invariant()
    def holds(self) -> None:
        """What must be so on main, whatever happened."""
        if not hasattr(self, "folder"):
            return
        now = self.writers[0].main()
        if now == self.main:
            return
        self.main = now
        whole = at_commit(self.hub, now)
        files = contents(whole)
        line = [commit.sha for commit in Releases(self.hub, now).line]
        assert not list(foreign(whole, promoted.PINNED))
        for name in promoted.PINNED:
            assert not list(faults(read_files(name, files), self.renders))
            records = read_ledger(files, name)
            self._append_only(files, name)
            for before, after in itertools.pairwise(records):
                never_moves_while_held(before, after)
            never_backwards(records, line)

    def _append_only(self, files: dict[str, bytes], name: str) -> None:
        folder = f"promotion/ledger/{name}/"
        ledger = {path: data for path, data in files.items() if path.startswith(folder)}
        for path, data in self.seen.items():
            if path.startswith(folder):
                assert ledger[path] == data
        self.seen |= ledger

    def tell_time(self) -> None:
        """One clock for all."""
        latest = max(writer.now for writer in self.writers)
        for writer in self.writers:
            writer.now = latest


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """A flow may refuse; it may never find what it wrote itself broken."""
    try:
        yield
    except IntegrityError:
        raise
    except MeshgateError:
        pass


def never_moves_while_held(before: Recorded, after: Recorded) -> None:
    hold_ = before.record.hold
    if hold_ is not None:
        assert after.record.event not in hold_.blocks


def never_backwards(records: list[Recorded], line: list[str]) -> None:
    """A promotion's source is no older on main than that of any earlier promotion."""
    newest = len(line)
    for each in records:
        record = each.record
        if record.source.commit not in line or record.event is Event.HOTFIX:
            continue
        place = line.index(record.source.commit)
        if record.event is Event.PROMOTE:
            assert place <= newest
        newest = min(newest, place)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_order_of_events_breaks_the_line(shard: int, pipeline_once: Pipeline) -> None:
    machine = type(f"Promotions{shard}", (Promotions,), {"once": pipeline_once})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=-(-EXAMPLES // SHARDS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
