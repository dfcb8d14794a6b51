"""The ledger of a pinned environment: a file for each event, chained by SHA-256, only added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshgate.promotion.documents import broken, text_of, value_of
from meshgate.promotion.files import ledger_folder, sha256
from meshgate.promotion.values import Previous, PromotionRecord

KIND = "PromotionRecord"


class Recorded(NamedTuple):
    """A record, and the SHA-256 of its file."""

    record: PromotionRecord
    sha256: str

    @property
    def link(self) -> Previous:
        """What the next record says of this one."""
        return Previous(self.record.sequence, self.record.release, self.sha256)


def record_bytes(record: PromotionRecord) -> bytes:
    """The content of a ledger file."""
    return text_of(KIND, record, id=record.id).encode()


def read_record(content: bytes, path: str) -> Recorded:
    """The record in a ledger file. Raises IntegrityError, also where the path says another one."""
    record, value = value_of(PromotionRecord, "record", content, path)
    if record.path != path or value["id"] != record.id:
        raise broken(path, f"holds the record {record.path}")
    return Recorded(record, sha256(content))


def read_ledger(files: Mapping[str, bytes], environment: str) -> list[Recorded]:
    """Every record of an environment, oldest first, the chain checked.

    `files` may hold more than its ledger. Raises IntegrityError.
    """
    folder = ledger_folder(environment)
    found = [
        read_record(content, path)
        for path, content in sorted(files.items())
        if path.startswith(folder)
    ]
    found.sort(key=lambda each: each.record.sequence)
    check_chain(found)
    return found


def check_chain(records: Sequence[Recorded]) -> None:
    """Raise IntegrityError unless each record follows the one before it."""
    before: Recorded | None = None
    for each in records:
        _check_link(each.record, before)
        if before is not None and not each.record.event.changes_render:
            _check_unmoved(each.record, before.record)
        before = each


def _check_link(record: PromotionRecord, before: Recorded | None) -> None:
    expected = before.record.sequence + 1 if before else 1
    if record.sequence != expected:
        raise broken(record.path, f"is number {record.sequence}, where {expected} should follow")
    if record.previous != (before.link if before else None):
        raise broken(
            record.path,
            f"does not follow {before.record.path}" if before else "is the first and follows one",
            why="Its `previous` tells another record, or another content of it.",
        )
    if record.previous_tree != (before.record.rendered.tree if before else None):
        raise broken(record.path, "tells another rendered folder before it")


def _check_unmoved(record: PromotionRecord, before: PromotionRecord) -> None:
    if (record.release, record.source, record.rendered) != (
        before.release,
        before.source,
        before.rendered,
    ):
        raise broken(record.path, f"is a {record.event}, and yet changes what is rendered")
