"""The changes of a record are written and read apart from the rest, with no byte otherwise."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshgate.errors import IntegrityError
from meshgate.promotion import ledger, listed_changes
from meshgate.promotion.ledger import read_record, record_bytes
from meshgate.promotion.records import RECORD_KEYS, InputChange, PromotionRecord
from meshgate.yamldoc.writing import dump_value
from promotion_samples import RECORD, replace

ODD = (
    *("", " ", "a", "a b", "a: b", "a :b", "a b:", "a #b", "a#b c", "it's a: b", "'a b'", '"a b"'),
    *("yes", "no way", "null", "~", "true", "1e5", "12:30", "0x1f", "2026-01-01", "- a", "a - b"),
    *("a\nb", "a b\n", "a\tb", "a  b", "a b ", " a b", "Jörg Ü <j@ü.de>", "a\u2028b", "a\x85b"),
    *("a \U0001f680 b", "a\x07b c", "{a b}", "a, b [c]", "a & b *c", "!x y", "a|b >c", "%a b"),
    *("... a", "--- a", "a ---", "? a b", "a ? b", "@a b", "`a b`", "a `b`", "<< a", "= a"),
    *("a " * 400, "a " * 6000, "Fix \\n: it", "changes: []", "x\nchanges: []\n", "\\", "a \\ b"),
)
TEXTS = st.sampled_from(ODD) | st.text() | st.text(st.characters(max_codepoint=126), max_size=12)
SHAS = st.text("0123456789abcdef", min_size=40, max_size=40) | st.sampled_from(
    ["1" * 40, "0b" + "1" * 38, "12e" + "4" * 37, "e" * 40, "0" * 39 + "e", "b" * 40]
)
CHANGES = st.lists(
    st.builds(
        InputChange,
        sha=SHAS,
        subject=TEXTS,
        author=TEXTS,
        co_authors=st.lists(TEXTS, max_size=2).map(tuple),
        pull_request=st.none() | st.integers(1, 10**17),
    ),
    max_size=4,
).map(tuple)


def whole(record: PromotionRecord) -> bytes:
    """The record as the YAML writer alone has it."""
    value = msgspec.to_builtins(record)
    return dump_value({key: value[key] for key in RECORD_KEYS}).encode()


@examples(300)
@given(changes=CHANGES, reason=TEXTS)
def test_the_same_bytes(changes: tuple[InputChange, ...], reason: str) -> None:
    record = replace(RECORD, changes=changes, reason=reason)
    assert record_bytes(record) == whole(record)


@pytest.mark.parametrize("text", ODD)
def test_each_odd_text_on_its_own(text: str) -> None:
    change = InputChange("a" * 40, text, text, (text, "Ada L <a@b>"), 7)
    record = replace(RECORD, changes=(change,) * 2)
    assert record_bytes(record) == whole(record)
    assert read_record(record_bytes(record), record.path).record == record


@examples(200)
@given(changes=CHANGES)
def test_there_and_back(changes: tuple[InputChange, ...]) -> None:
    record = replace(RECORD, changes=changes)
    assert read_record(record_bytes(record), record.path).record == record


def test_usual_ones_are_not_left_to_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = InputChange("a" * 40, "shop: it's STRICT (#4)", "Ada L <a@b.c>", ("Bo <b@c.d>",), 4)
    record = replace(RECORD, changes=(usual,) * 5000)
    content = whole(record)
    lines = []

    def counted(value: object, **options: bool) -> str:
        lines.append(text := dump_value(value, **options))
        return text

    monkeypatch.setattr(ledger, "dump_value", counted)
    monkeypatch.setattr(listed_changes, "dump_value", counted)
    assert record_bytes(record) == content
    assert read_record(content, record.path).record == record
    assert max(map(len, lines)) < 20_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  coAuthors: []\n", "  coAuthors: [] # nobody\n"),
        ("  subject: ", "  # a comment\n  subject: "),
        ("  pullRequest: 41\n", "  pullRequest: 41\n\n"),
        ("- sha: ", "-   sha: "),
    ],
)
def test_other_writing_is_read_as_before(old: str, new: str) -> None:
    written = record_bytes(RECORD).decode()
    changed = written.replace(old, new, 1)
    if new.startswith("-  "):
        changed = written.replace('- sha: "1', '- "sha": "1', 1)
    assert changed != written
    assert read_record(changed.encode(), RECORD.path).record == RECORD


def test_a_list_within_a_text_is_no_list() -> None:
    item = f"- sha: {'a' * 40}\n  subject: x\n  author: y\n  coAuthors: []\n  pullRequest: null\n"
    record = replace(RECORD, changes=())
    text = (
        record_bytes(record)
        .decode()
        .replace("\nreason: ", f'\nreason: "a\nchanges:\n{item}b"\nx: ')
    )
    with pytest.raises(IntegrityError):
        read_record(text.encode(), RECORD.path)


@pytest.mark.parametrize("old", ["pullRequest:", "createdAt:"])
def test_what_is_wrong_is_told_by_its_own_line(old: str) -> None:
    usual = InputChange("a" * 40, "shop: STRICT", "Ada L <a@b.c>", (), 41)
    record = replace(RECORD, changes=(usual,) * 30)
    lines = record_bytes(record).decode().splitlines()
    at = next(number for number, line in enumerate(lines) if line.lstrip().startswith(old))
    lines[at] = f"{lines[at].partition(old)[0]}{old} wrong"
    with pytest.raises(IntegrityError) as refused:
        read_record("\n".join([*lines, ""]).encode(), RECORD.path)
    assert f":{at + 1}:" in str(refused.value.why)
