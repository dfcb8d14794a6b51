"""PR01 to PR25: each refuses what it is for, and whatever it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from guarded import on
from meshgate.errors import IntegrityError
from meshgate.promotion import guards
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards import BY_FILES, BY_ID, GUARDS, Guard, refusals
from meshgate.promotion.guards.guard import Objection
from promotion.test_promotion_guards_of_approvals import REFUSED as APPROVALS
from promotion.test_promotion_guards_of_deletions import REFUSED as DELETIONS
from promotion.test_promotion_guards_of_effects import REFUSED as EFFECTS
from promotion.test_promotion_guards_of_files import REFUSED as FILES
from promotion.test_promotion_guards_of_holds import REFUSED as HOLDS
from promotion.test_promotion_guards_of_ledgers import REFUSED as LEDGERS
from promotion.test_promotion_guards_of_order import REFUSED as ORDER
from promotion.test_promotion_guards_of_steps import REFUSED as STEPS
from promotion_samples import replace


def test_a_good_promotion_passes_every_guard(candidate: Candidate) -> None:
    assert candidate.reasons == ()
    assert refusals(candidate) == []


def test_every_guard_has_a_case() -> None:
    gates = {"PR09", "PR10"}  # tests/promotion/test_promotion_gates_of_*.py
    breaks = {"PR13"}  # tests/promotion/test_promotion_guards_of_effects.py
    cases = [*APPROVALS, *DELETIONS, *EFFECTS, *FILES, *HOLDS, *LEDGERS, *ORDER, *STEPS]

    assert {guard for guard, _, _ in cases} | gates | breaks == set(BY_ID)


PARTS = {
    "source": ["PR03"],
    "expected": ["PR03"],
    "ancestry": ["PR07"],
    "before": ["PR16", "PR18"],
    "after": ["PR16", "PR18"],
    "effect": ["PR13", "PR14", "PR15", "PR16"],
    "findings": ["PR12"],
}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_known_is_refused(candidate: Candidate, part: str) -> None:
    blind = replace(candidate, **{part: None}, reasons=("the renderer has gone",))

    found = refusals(blind)

    assert [refusal.guard for refusal in found] == PARTS[part]
    assert all(refusal.details == ("the renderer has gone",) for refusal in found)


def test_every_part_that_may_be_missing_is_tried() -> None:
    others = {"reviews", "signature", "paused", "status"}  # each has its own cases
    optional = {field.name for field in structs.fields(Candidate) if field.default is None}

    assert optional == set(PARTS) | others


def test_a_guard_that_raises_refuses(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Candidate) -> Iterator[Objection]:
        raise RuntimeError("out of cheese")

    guard = replace(BY_ID["PR12"], check=fail)
    monkeypatch.setattr("meshgate.promotion.guards.GUARDS", (guard,))

    (found,) = refusals(candidate)

    assert found.broken
    assert "out of cheese" in found.message


@pytest.mark.parametrize("state", ["head", "base"])
def test_a_state_that_cannot_be_read_is_never_passed(candidate: Candidate, state: str) -> None:
    blind = on(candidate, state, state=None, state_faults=(IntegrityError("digest"),))

    assert {"PR03", "PR04"} <= {refusal.guard for refusal in refusals(blind)}


def test_the_check_of_files_asks_what_files_decide() -> None:
    left_out = set(BY_ID) - BY_FILES

    assert left_out == {"PR08", "PR09", "PR10", "PR19", "PR24", "PR25"}


def test_guards_are_told_apart_and_explained() -> None:
    names = [guard.name for guard in GUARDS]

    assert [guard.id for guard in GUARDS] == [f"PR{number:02}" for number in range(1, 26)]
    assert len(set(names)) == len(names)
    files = sorted(file.stem for file in Path(guards.__file__).parent.glob("pr*.py"))
    assert files == [f"{guard.id.lower()}_{guard.name.replace('-', '_')}" for guard in GUARDS]
    for guard in GUARDS:
        assert isinstance(guard, Guard)
        assert guard.summary
        assert guard.why.endswith(".")
        assert guard.hint
