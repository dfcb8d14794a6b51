"""Records in the bytes of another version: plain, and believed only where they are true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from meshgate.cli import main
from meshgate.promotion.files import at_commit, contents, sha256, state_path
from meshgate.promotion.ledger import read_ledger, record_bytes, state_bytes, state_of
from meshgate.promotion.records import PromotionRecord
from meshgate.repository import Repository
from promoted import (
    Promoted,
    commit,
    git,
)

pytestmark = pytest.mark.sampled(every=2)


def forged(folder: Path, change: Callable[[bytes], bytes] = bytes, **changes: object) -> str:
    """Staging's last promotion committed anew, as somebody who may push would have it."""
    with Repository(folder) as repository:
        known = read_ledger(contents(at_commit(repository, "HEAD")), "staging")[-1]
        files = contents(at_commit(repository, "HEAD"))
    record: PromotionRecord = structs.replace(known.record, **changes)
    content = change(record_bytes(record))
    files[record.path] = content
    files[state_path("staging")] = state_bytes(state_of(record, sha256(content)))
    git(folder, "reset", "--quiet", "--hard", "HEAD~1")
    text = {path: data.decode() for path, data in files.items()}
    commit(folder, text, "promote(staging)", day=4)
    return record.path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"environment: staging", b"environment: &a staging"),
        (b"environment: staging", b'environment: "staging"'),
        (b"kind: PromotionRecord", b"kind: PromotionRecord # approved by everyone"),
        (b"apiVersion", b"---\napiVersion"),
    ],
)
def test_a_record_in_other_bytes_ends_the_audit(
    promoted: Promoted, old: bytes, new: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = forged(promoted.folder, lambda text: text.replace(old, new, 1))
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 11
    assert f"{path}: is not written as promotion writes it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pull", "code", "word"),
    [
        (None, 0, "could not be recomputed"),
        ({"author": "alice"}, 0, "Everything is as promotion wrote it."),
        ({"author": "mallory"}, 11, "alice asked, and mallory opened it"),
    ],
)
def test_who_asked_is_who_the_tag_names(
    promoted: Promoted,
    pull: dict[str, str] | None,
    code: int,
    word: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_hand = {"login": "alice", "via": "cli", "run": None}
    forged(promoted.folder, requested_by=by_hand)
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 11
    with Repository(promoted.folder) as repository:
        recorded = read_ledger(contents(at_commit(repository, "HEAD")), "staging")[-1]
    facts: dict[str, object] = {
        "recordSha256": recorded.sha256,
        "approvals": [],
        "pullRequest": pull,
    }
    text = json.dumps({**facts, "mergedAt": "2026-07-05T08:00:00Z"})
    git(promoted.folder, "tag", "-a", "env/staging/0002", "-m", f"t\n\n{text}")
    capsys.readouterr()
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == code
    assert word in capsys.readouterr().out


def test_the_bytes_of_another_version_are_plain_too(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    older = {**of_staging(promoted.folder).tool, "version": "0.0.1"}
    forged(promoted.folder, lambda text: text + b"# x\n", tool=older)
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 11
    assert "is not written as promotion writes it" in capsys.readouterr().out


def of_staging(folder: Path) -> PromotionRecord:
    with Repository(folder) as repository:
        return read_ledger(contents(at_commit(repository, "HEAD")), "staging")[-1].record


def tool_of(folder: Path, **changes: str) -> dict[str, str]:
    return {**of_staging(folder).tool, **changes}  # type: ignore[dict-item] # all of it is text


def test_what_another_version_says_of_an_effect_is_never_whole(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another version may have understood Istio otherwise; it may not tell another time."""
    older = tool_of(promoted.folder, version="0.0.1")
    effects = of_staging(promoted.folder).effects
    assert effects is not None
    lie = structs.replace(effects, digest="0" * 64, tightened=())
    path = forged(promoted.folder, tool=older, effects=lie)
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 0
    told = capsys.readouterr().out
    assert f"{path}: was not recomputed in effects" in told
    assert "1 not recomputed" in told
    assert "Not whole: 1 record" in told

    forged(promoted.folder, tool=older, reason="x", alias="2026-01-01.1")
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 11
    assert "tells another alias than there was" in capsys.readouterr().out


def test_what_another_version_says_truly_is_whole(promoted: Promoted) -> None:
    forged(promoted.folder, tool=tool_of(promoted.folder, version="0.0.1", model="x"))
    assert main(["-C", str(promoted.folder), "audit", "--deep", "staging"]) == 0
