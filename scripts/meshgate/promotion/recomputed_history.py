"""Each record of history beside what promotion writes for its commit, made anew.

Where they differ the record was forged, or written by a version of meshgate that understood Istio
otherwise: what does not depend on that is compared for every version, the rest is reported as not
recomputed.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import structs

import meshgate
from meshgate.config.reading import parse
from meshgate.errors import MeshgateError, ToolError, UsageError
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.candidate_builder import CandidateBuilder
from meshgate.promotion.files import differences, state_path
from meshgate.promotion.history import tagged
from meshgate.promotion.ledger import (
    Recorded,
    record_bytes,
    state_bytes,
    state_of,
)
from meshgate.promotion.recomputed_record import OF_MODEL, differing, recompute_record
from meshgate.promotion.records import PromotionRecord, Upstream
from meshgate.promotion.rendering import model_digest
from meshgate.promotion.session import Clock, Session, session_at
from meshgate.promotion.status import SKEW
from meshgate.promotion.times import format_utc
from meshgate.repository import Commit, Repository, mainline, merge_base, people
from meshgate.yamldoc.writing import dump_value

# The longest value that is shown of a field.
SHOWN = 100
RELEASE = re.compile(r"\d+\.\d+\.\d+")


class Deviation(NamedTuple):
    """A field of a record that does not follow from its commit.

    proven  False: it may be so, and could not be recomputed
    """

    what: str
    why: str = ""
    proven: bool = True


class RecordAtMerge(NamedTuple):
    """A record and where it came from: the first-parent commit that added it."""

    recorded: Recorded
    before: Recorded | None
    commit: Commit

    @property
    def record(self) -> PromotionRecord:
        """The record itself."""
        return self.recorded.record


class Recomputation:
    """Makes the records of one repository anew; `cache` is the folder of kept results."""

    def __init__(self, repository: Repository, main: str, cache: Path | None) -> None:
        self.repository = repository
        self._cache = cache
        self._sessions: dict[str, Session] = {}
        self._line = mainline(repository, main)
        self._index = {commit.sha: index for index, commit in enumerate(self._line)}

    def deviations(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """The fields of a record that do not follow from its commit. Raises ToolError."""
        yield from self._bytes(merged)
        yield from self.of_record(merged)

    def of_record(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """`deviations` in what a record says, its bytes aside: of people, clocks and all else."""
        yield from self._people(merged)
        yield from self._clock(merged)
        yield from self._anew(merged)

    def _bytes(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """Record and state are written as promotion writes them: no comment, anchor or tag."""
        record = merged.record
        content = self.repository.read(merged.commit.sha, record.path)
        as_written = record_bytes(record) if _is_ours(record) else _plainly(content, record.path)
        if content is not None and content != as_written:
            yield Deviation("is not written as promotion writes it")
        before = merged.before.record.tool if merged.before is not None else {}
        if "model" in before and "model" not in record.tool:
            yield Deviation("does not tell what wrote it, and the one before it does")
        path = state_path(record.environment)
        state = self.repository.read(merged.commit.sha, path)
        wanted = state_bytes(state_of(record, merged.recorded.sha256))
        if state != wanted:
            yield Deviation(f"was merged by {merged.commit.sha[:10]} with another {path}")

    def _people(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """Who asked by hand opened the pull request, or made the commit."""
        record = merged.record
        asked = record.requested_by.get("login", "")
        if record.requested_by.get("via") == "ci":
            return
        facts = tagged(self.repository, merged.recorded)
        pull = facts["pullRequest"] if facts is not None else None
        if isinstance(pull, dict):
            if pull.get("author") != asked:
                yield Deviation(
                    f"tells that {asked or 'nobody'} asked, and {pull.get('author')} opened it"
                )
        elif asked in people(self.repository, merged.commit):
            return
        elif facts is not None:
            # Pushed without a pull request: an account of the forge has no name in git.
            yield _unproven(
                f"tells that {asked or 'nobody'} asked, which could not be recomputed",
                "No pull request brought it, and no commit that did is theirs.",
            )
        else:
            yield Deviation(
                f"tells that {asked or 'nobody'} asked, and no commit that brought it is theirs",
                "`meshgate record` keeps in a tag who opened its pull request.",
            )

    def _clock(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """A record is made after what it stands on was there."""
        record = merged.record
        if record.created_at is None:
            return
        stands_on = [record.source.commit] if self.repository.find(record.source.commit) else []
        stands_on += self._made_on(merged)
        for commit in stands_on:
            at = mainline(self.repository, commit)[0].committed_at
            if record.created_at < at - SKEW:
                yield Deviation(
                    f"was made {format_utc(record.created_at)}, before what it stands on",
                    f"{commit[:10]} is of {format_utc(at)}.",
                )

    def _anew(self, merged: RecordAtMerge) -> Iterator[Deviation]:
        """The record made on each base that it may have been made on: one must give the same."""
        if merged.record.created_at is None:
            return
        deviations: list[list[Deviation]] = []
        for base in self._bases(merged):
            try:
                deviations.append(list(self._compared(merged, base)))
            except ToolError:
                raise
            except MeshgateError as error:
                deviations.append([_unproven("could not be made anew", str(error))])
            if not deviations[-1]:
                return
        if not deviations:
            deviations = [[_unproven("could not be made anew", "Its commit is the first one.")]]
        yield from min(deviations, key=lambda each: (any(one.proven for one in each), len(each)))

    def _made_on(self, merged: RecordAtMerge) -> list[str]:
        """The base of a merged branch: where it left the main line."""
        match merged.commit.parents:
            case (main, branch, *_):
                left = merge_base(self.repository, main, branch)
                return [left] if left is not None else []
            case _:
                return []

    def _bases(self, merged: RecordAtMerge) -> list[str]:
        """The commits that it may have been made on: what it was merged to, and what was before."""
        commit = merged.commit
        if not commit.parents:
            return []
        bases = [commit.parents[0], *self._made_on(merged)]
        index = self._index.get(commit.sha)
        made = merged.record.created_at
        if index is not None and made is not None:
            # Squashed or rebased: the newest of the main line when it was made.
            earlier = (other for other in self._line[index + 1 :] if other.committed_at <= made)
            bases += [other.sha for other in [next(earlier, None)] if other is not None]
        return list(dict.fromkeys(bases))

    def _compared(self, merged: RecordAtMerge, base: str) -> Iterator[Deviation]:
        record = merged.record
        session = self._session(record, base)
        entries = self.repository.entries
        changed = differences(entries(base), entries(merged.commit.sha))
        builder = CandidateBuilder(session, merged.commit.sha, record, changed, None)
        before = builder.before.state
        if (before.record_sha256 if before is not None else None) != (
            merged.before.sha256 if merged.before is not None else None
        ):
            yield _unproven("could not be made anew", f"{base[:10]} has not the state before it.")
            return
        candidate = self._candidate(builder)
        try:
            anew = recompute_record(session, candidate)
        except UsageError as error:
            yield Deviation("tells an event that could not have been", str(error))
            return
        for name in differing(record, anew):
            if name == "upstream" and _same_but_for_the_forge(record, anew):
                continue
            deviation = _deviation(record, anew, name)
            if candidate.reasons and name in {*OF_MODEL, "upstream"}:
                yield _unproven(f"was not recomputed in {name}", "; ".join(candidate.reasons))
            else:
                yield deviation

    def _candidate(self, builder: CandidateBuilder) -> Candidate:
        return builder.build()

    def _session(self, record: PromotionRecord, base: str) -> Session:
        """A session at a base, at the moment when a record was made."""
        assert record.created_at is not None
        clock = Clock(record.created_at, record.created_at.date())
        if base not in self._sessions:
            self._sessions[base] = session_at(self.repository, base, clock, cache=self._cache)
        return dataclasses.replace(self._sessions[base], clock=clock)


def _deviation(record: PromotionRecord, anew: PromotionRecord, name: str) -> Deviation:
    recorded, computed = getattr(record, name), getattr(anew, name)
    proven = name not in OF_MODEL or _is_ours(record)
    if name == "upstream" and not _is_ours(record):
        proven = _stands_longer(recorded, computed)
    key = _key(PromotionRecord, name)
    if name == "effects" and recorded is not None and computed is not None:
        parts = [
            part for part in structs.fields(recorded) if _differ(recorded, computed, part.name)
        ]
        key = ", ".join(f"{key}.{part.encode_name}" for part in parts)
        # Which inventory was there does not depend on how it is understood.
        proven = proven or recorded.inventory != computed.inventory
        recorded, computed = (
            [getattr(side, part.name) for part in parts] for side in (recorded, computed)
        )
    why = f"It tells {_shown(recorded)}; made anew it is {_shown(computed)}."
    if proven:
        return Deviation(f"tells another {key} than there was", why)
    return _unproven(f"was not recomputed in {key}", why)


def _differ(one: object, other: object, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _same_but_for_the_forge(record: PromotionRecord, anew: PromotionRecord) -> bool:
    """Whether stays differ only in that a forge's clock had each merge a little later."""
    if len(record.upstream) != len(anew.upstream):
        return False
    for recorded, computed in zip(record.upstream, anew.upstream, strict=True):
        if recorded == computed:
            continue
        if (
            recorded.since is None
            or computed.since is None
            or None in (recorded.soak, computed.soak)
        ):
            return False
        later = recorded.since - computed.since
        shifted = structs.replace(
            computed, since=recorded.since, soak=(computed.soak or 0) - int(later.total_seconds())
        )
        if shifted != recorded or not datetime.timedelta() < later <= SKEW:
            return False
    return True


def _stands_longer(recorded: Sequence[Upstream], computed: Sequence[Upstream]) -> bool:
    """Whether a record tells more of the environments before than there was."""
    if [(one.environment, one.release) for one in recorded] != [
        (one.environment, one.release) for one in computed
    ]:
        return True
    return any(
        (one.soak or 0) > (other.soak or 0) for one, other in zip(recorded, computed, strict=True)
    )


def _unproven(what: str, why: str) -> Deviation:
    return Deviation(what, why, proven=False)


def _key(kind: type[msgspec.Struct], name: str) -> str:
    return next(field.encode_name for field in structs.fields(kind) if field.name == name)


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _plainly(content: bytes | None, file: str) -> bytes:
    """The same values as promotion writes them; another version may have had fewer of them."""
    return dump_value(parse(content or b"", file).value).encode()


def _is_ours(record: PromotionRecord) -> bool:
    """Whether a tool of this release, with exactly this model, wrote a record."""
    return _release(record.tool.get("version", "")) == _release(meshgate.__version__) and (
        record.tool.get("model") == model_digest()
    )


def _release(version: str) -> str:
    """`0.2.0` of `0.2.0.post1.dev7+g0123456`: between releases, records are as in the last one."""
    numbers = RELEASE.match(version)
    return numbers[0] if numbers else version
