"""Guards of what a promotion writes: its files as they were rendered, and no rule."""

from __future__ import annotations

import pytest
from msgspec import structs

from guarded import (
    PA,
    STATE,
    Change,
    Refused,
    ask,
    assert_refuses,
    changed,
    first_record,
    ids,
    messages,
    on,
    with_file,
    without,
)
from meshgate.promotion.candidate import Candidate, SourceContent
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import FileChange
from promotion_samples import replace


def source_of(candidate: Candidate) -> SourceContent:
    assert candidate.source is not None
    return candidate.source


def becomes(candidate: Candidate, path: str, kind: str) -> Candidate:
    """A file that it changes is changed in another way."""
    files = [replace(file, kind=kind) if file.path == path else file for file in candidate.changed]
    return replace(candidate, changed=tuple(files))


def held(candidate: Candidate) -> Candidate:
    """A hold: nothing is rendered, and the state stays as it was but for the hold."""
    head = replace(candidate.head, state=candidate.base.state, files=candidate.base.files)
    return replace(on(candidate, "record", event=Event.HOLD), head=head)


def rendering(candidate: Candidate, *names: str) -> Candidate:
    """A promotion whose render has these files."""
    return replace(candidate, expected={f"rendered/prod/{name}": b"kind: X\n" for name in names})


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
    ("PR01", lambda c: becomes(c, STATE, "deleted"), "is deleted, and should be modified"),
    ("PR01", lambda c: becomes(c, c.record.path, "modified"), "is modified, and should be added"),
    ("PR01", lambda c: on(c, "record", event=Event.HOLD), f"{PA} is modified"),
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


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("promotion/ledger/prod/0009-promote-r-0.yaml", "the ledger is append-only"),
        ("promotion/ledger/staging/0009-promote-r-0.yaml", "one pull request promotes to one"),
        ("rendered/staging/x.yaml", "one pull request promotes to one"),
        ("policies/x.yaml", "make a pull request of its own for it"),
    ],
)
def test_what_rides_along_is_told_where_it_belongs(
    candidate: Candidate, path: str, hint: str
) -> None:
    (refusal,) = ask("PR01", changed(candidate, FileChange(path, "added")))

    assert refusal.message == f"{path} is added"
    assert hint in refusal.hint


def test_what_is_deleted_may_have_been_anything(candidate: Candidate) -> None:
    assert ask("PR01", changed(candidate, FileChange(f"{PA}x", "deleted", "120000"))) == []


def test_only_the_first_state_is_added(candidate: Candidate) -> None:
    adding = becomes(candidate, STATE, "added")
    wrong = [f"{STATE} is added, and should be modified"]

    assert messages("PR01", adding) == wrong
    assert messages("PR01", on(adding, "base", state=None)) == wrong
    assert messages("PR01", on(adding, "base", ledger=())) == wrong
    assert ask("PR01", on(adding, "base", state=None, ledger=())) == []


def test_a_hold_moves_nothing(candidate: Candidate) -> None:
    stands = held(candidate)
    state = stands.head.state
    assert state is not None

    assert ask("PR03", stands) == []
    for moved in (
        on(stands, "head.state", release="r-0"),
        on(stands, "head.state", source=replace(state.source, commit="0" * 40)),
        on(stands, "head.state", rendered=replace(state.rendered, resources=9)),
    ):
        assert messages("PR03", moved) == ["a hold moves no release, and this one does"]
    (unknown,) = ask("PR03", on(stands, "base", state=None))
    assert unknown.message == "not known: the state of prod before"


def test_a_render_without_files_is_refused(candidate: Candidate) -> None:
    rest = {path: data for path, data in candidate.head.files.items() if "rendered/" not in path}
    empty = on(replace(candidate, expected={}), "head", files=rest)

    refusal = ask("PR03", empty)[0]

    assert refusal.message == "rendered/prod is empty"
    assert refusal.hint == "an empty result would delete every policy of the environment"


def test_files_that_differ_are_named_in_their_order(candidate: Candidate) -> None:
    (rule,) = [path for path in candidate.head.rendered if path != PA]
    edited = without(with_file(with_file(candidate, PA, b"x"), f"{PA}.orig", b"x"), rule)

    (refusal,) = [one for one in ask("PR03", edited) if one.details]

    assert refusal.message == "3 files of rendered/prod differ from a fresh render"
    assert refusal.details == (f"~ {PA}", f"+ {PA}.orig", f"- {rule}")


def test_of_many_files_that_differ_ten_are_named(candidate: Candidate) -> None:
    names = [f"{number:02}.yaml" for number in range(12)]

    refusal = ask("PR03", rendering(candidate, *names))[-1]

    assert refusal.message.startswith("14 files of rendered/prod differ")
    assert refusal.details == tuple(f"- rendered/prod/{name}" for name in names[:10])


def test_a_rollback_is_compared_with_what_was_recorded(candidate: Candidate) -> None:
    """Its source may be lost, and the environment's overlay another one now."""
    back = on(candidate, "record", event=Event.ROLLBACK)
    moved = replace(on(back, "policy", sources="overlays/other"), source=None)

    assert ask("PR03", moved) == []
    assert messages("PR03", with_file(moved, PA, b"x"))[-1] == (
        "1 file of rendered/prod differs from the recorded bytes"
    )


def test_an_edit_by_hand_stops_what_goes_forward_and_is_adopted(candidate: Candidate) -> None:
    edited = on(candidate, "base", files={**candidate.base.files, PA: b"edited"})
    assert candidate.base.state is not None
    message = f"rendered/prod was edited since record {candidate.base.state.record}"

    for event in (Event.PROMOTE, Event.HOTFIX):
        (refusal,) = ask("PR03", on(edited, "record", event=event))
        assert refusal.message == message
        assert "`meshgate adopt prod --again`" in refusal.hint
    assert ask("PR03", on(edited, "record", event=Event.ADOPT)) == []


def test_what_has_no_state_is_adopted_first(candidate: Candidate) -> None:
    (refusal,) = ask("PR03", on(candidate, "base", state=None))

    assert refusal.message == "prod has no state yet"
    assert "`meshgate adopt prod`" in refusal.hint


@pytest.mark.parametrize("whose", ["state", "record"])
@pytest.mark.parametrize(("key", "value"), [("tree", "0" * 40), ("sha256", "0"), ("resources", 9)])
def test_state_and_record_tell_what_the_files_are(
    candidate: Candidate, whose: str, key: str, value: object
) -> None:
    part = {"state": "head.state", "record": "record"}[whose]
    rendered = replace(candidate.record.rendered, **{key: value})

    assert messages("PR03", on(candidate, part, rendered=rendered)) == [
        f"the {whose} tells another {key} than the files have"
    ]


def test_a_promotion_changes_no_signers(candidate: Candidate) -> None:
    bringing = changed(candidate, FileChange("keys/promoters", "modified"))

    assert ask("PR23", bringing) == []
    signed = on(bringing, "policy", allowed_signers="keys/promoters")
    assert messages("PR23", signed) == [
        "keys/promoters is modified: a rule is changed by a pull request of its own"
    ]
