"""Guards of what a promotion writes: its files, state and record, and no rule."""

from __future__ import annotations

import pytest
from msgspec import structs

from guarded import DAY, PA, Change, Refused, ask, assert_refuses, changed, ids, on
from meshgate.errors import IntegrityError
from meshgate.promotion.candidate import Candidate, SourceContent
from meshgate.promotion.files import FileChange
from promotion_samples import replace


def without(candidate: Candidate, path: str) -> Candidate:
    files = {name: data for name, data in candidate.head.files.items() if name != path}
    return on(candidate, "head", files=files)


def with_file(candidate: Candidate, path: str, data: bytes) -> Candidate:
    return on(candidate, "head", files={**candidate.head.files, path: data})


def first_record(candidate: Candidate) -> str:
    return candidate.base.records[0].path


def source_of(candidate: Candidate) -> SourceContent:
    assert candidate.source is not None
    return candidate.source


REFUSED: Refused = [
    ("PR01", lambda c: changed(c, FileChange("README.md", "modified")), "README.md is modified"),
    (
        "PR01",
        lambda c: changed(c, FileChange("rendered/staging/x.yaml", "added")),
        "rendered/staging/x.yaml is added",
    ),
    ("PR01", lambda c: changed(c, FileChange(f"{PA}x", "added", "120000")), "mode 120000"),
    ("PR01", lambda c: changed(c, FileChange(first_record(c), "modified")), "is modified"),
    ("PR01", lambda c: replace(c, changed=c.changed[1:]), "is not changed"),
    ("PR02", lambda c: on(c, "head", ledger=c.base.ledger), "the newest record"),
    (
        "PR03",
        lambda c: with_file(c, PA, b"kind: X\n"),
        "1 file of rendered/prod differs from a fresh render",
    ),
    (
        "PR03",
        lambda c: with_file(c, f"{PA}.orig", b"x"),
        "1 file of rendered/prod differs from a fresh render",
    ),
    ("PR03", lambda c: without(c, PA), "1 file of rendered/prod differs from a fresh render"),
    (
        "PR03",
        lambda c: without(c, PA),
        "the record tells another tree and sha256 and resources than the files have",
    ),
    (
        "PR03",
        lambda c: replace(c, source=structs.replace(source_of(c), release="r-0")),
        "holds r-0, not",
    ),
    (
        "PR03",
        lambda c: replace(
            c,
            source=structs.replace(
                source_of(c), source=replace(source_of(c).source, policies_tree="0" * 40)
            ),
        ),
        "the record tells other trees",
    ),
    ("PR03", lambda c: on(c, "policy", sources="overlays/other"), "it was rendered from"),
    (
        "PR03",
        lambda c: on(c, "base", files={**c.base.files, PA: b"edited"}),
        "was edited since record",
    ),
    ("PR04", lambda c: on(c, "base.state", sequence=2), "the base is at 2"),
    ("PR04", lambda c: on(c, "base.state", record_sha256="0" * 64), "another state of prod"),
    (
        "PR04",
        lambda c: on(c, "head", state_faults=(IntegrityError("its digest is wrong"),)),
        "digest is wrong",
    ),
    (
        "PR04",
        lambda c: on(c, "base", record_faults=(IntegrityError("the chain is broken"),)),
        "chain is broken",
    ),
    ("PR05", lambda c: with_file(c, first_record(c), b"forged"), "was changed or removed"),
    ("PR05", lambda c: without(c, first_record(c)), "was changed or removed"),
    ("PR05", lambda c: on(c, "head.state", alias="other"), "is not the one that"),
    ("PR05", lambda c: on(c, "record", sequence=9), "not known: the file"),
    ("PR20", lambda c: replace(c, configured_from="f" * 40), "its rules were read at"),
    (
        "PR20",
        lambda c: changed(c, FileChange("environments.yaml", "modified")),
        "it decides how this is judged",
    ),
    ("PR20", lambda c: on(c, "record", tool={"name": "vi"}), "was not written by meshgate"),
    ("PR23", lambda c: changed(c, FileChange("noxfile.py", "modified")), "of its own"),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_after_a_record_of_a_wrong_clock_the_way_out_is_said(candidate: Candidate) -> None:
    last = candidate.base.ledger[-1]
    ahead = replace(last, record=replace(last.record, created_at=candidate.now + DAY))
    wrong = on(candidate, "base", ledger=(*candidate.base.ledger[:-1], ahead))
    (refusal,) = [one for one in ask("PR05", wrong) if "before the one it follows" in one.message]
    assert "which says 2026-07-08 08:00 UTC" in refusal.message
    assert "an administrator reverts its commit" in refusal.hint
