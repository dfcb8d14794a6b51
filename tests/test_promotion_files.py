"""Releases, rendered files, states, records: the same bytes each time, and none else accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.release import Releases, id_of_folder
from meshgate.promotion.state import state_of
from meshgate.repository import Repository
from promoted import current, owned

if TYPE_CHECKING:
    from promoted import Promoted


def test_a_state_follows_from_its_ledger(promoted_once: Promoted) -> None:
    with Repository(promoted_once.folder) as repository:
        files = owned(repository, "main")
        tree = repository.object_id("main", "rendered/staging")
    records = read_ledger(files, "staging")
    state = current(files, "staging")

    assert state == state_of(records[-1].record, records[-1].sha256)
    assert [each.record.event for each in records] == ["adopt", "promote"]
    assert state is not None
    assert state.rendered.tree == tree


def test_release_ids(promoted_once: Promoted) -> None:
    with Repository(promoted_once.folder) as repository:
        releases = Releases(repository, "main")
        newest = releases.newest()
        assert newest.source.commit == promoted_once.second
        assert newest.id == id_of_folder(promoted_once.folder)
        assert [r.alias for r in releases] == ["2026-07-04.1", "2026-07-01.1"]
