"""States, records and what an event writes: values there and back, and none else accepted."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from examples import examples
from meshgate.errors import IntegrityError, UsageError
from meshgate.promotion.environment_state import (
    EnvironmentState,
    Event,
    Fact,
    Hold,
    PendingBackport,
    Previous,
    Release,
)
from meshgate.promotion.files import git_tree, rendered_sum, sha256, state_path
from meshgate.promotion.ledger import (
    check_chain,
    read_ledger,
    read_record,
    read_state,
    record_bytes,
    state_bytes,
    state_of,
)
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.transition import RecordDraft, Transition, advance
from meshgate.repository import Repository, commit_files
from places import REPOSITORY
from promoted import START, Promoted, current, git, owned
from promotion_samples import EFFECTS, NOW, replace
from promotion_samples import RECORD as SAMPLE

BREAK = {"client": "a/b", "count": 1, "host": "c.d", "port": 80, "before": "ok-plaintext"}
RECORD = replace(SAMPLE, effects=replace(EFFECTS, breaks=(BREAK,)))
HOLD = Hold(NOW, "ada", "audit week", NOW + dt.timedelta(days=7))
FULL = replace(
    RECORD,
    hold=HOLD,
    rejected=("r-000000000001",),
    pending_backport=PendingBackport(
        record=RECORD.path,
        facts=(
            Fact("PeerAuthentication/a/b", "/spec/mtls/mode", "STRICT"),
            Fact("Gateway/a/b", "/spec/servers/0", {"port": [1, None, True]}),
            Fact("Sidecar/a/b", "/spec", None, absent=True),
        ),
        due=dt.date(2026, 9, 1),
    ),
)


class TestText:
    @pytest.mark.parametrize("record", [RECORD, FULL], ids=["plain", "full"])
    def test_there_and_back(self, record: PromotionRecord) -> None:
        content = record_bytes(record)
        found = read_record(content, record.path)
        assert (found.record, found.sha256) == (record, sha256(content))
        state = state_of(record, found.sha256)
        assert read_state(state_bytes(state), record.environment) == state

    def test_a_record_of_before_who_gets_in_was_recorded(self) -> None:
        document = yaml.safe_load(record_bytes(RECORD))
        for name in ("opened", "closed"):
            assert document["effects"].pop(name) == []
        content = yaml.safe_dump(document, sort_keys=False).encode()

        assert read_record(content, RECORD.path).record == RECORD

        del document["effects"]["deleted"]
        with pytest.raises(IntegrityError, match="is not as it was written"):
            read_record(yaml.safe_dump(document).encode(), RECORD.path)

    @examples(60)
    @given(
        text=st.text(min_size=1),
        value=st.recursive(
            st.none() | st.booleans() | st.text() | st.integers(-(10**17), 10**17), st.lists
        ),
    )
    def test_any_text_a_person_gives(self, text: str, value: object) -> None:
        """Reasons and values come from outside: whatever they are, they are read back alike."""
        pending_backport = PendingBackport("x", (Fact(text, text, value),), dt.date(2026, 9, 1))
        record = replace(RECORD, reason=text, ticket=text, pending_backport=pending_backport)
        try:
            content = record_bytes(record)
        except UnicodeEncodeError:
            return
        assert read_record(content, record.path).record == record

    def test_a_state_starts_with_the_digest_of_the_rest(self) -> None:
        first, rest = state_bytes(state_of(RECORD, "a" * 64)).split(b"\n", 1)
        assert first.decode() == f"digest: {sha256(rest)}"

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"extra": 1}, "unknown field `extra`"),
            ({"sequence": 0}, "sequence"),
            ({"event": "promoted"}, "event"),
            ({"createdAt": "2026-02-30T00:00:00Z"}, "no time"),
            ({"createdAt": "2026-02-03"}, "createdAt"),
            ({"gates": ...}, "`gates` is missing"),
            (
                {"hold": {"since": "2026-01-01T00:00:00Z", "unti": None}},
                "hold.unti: unknown field `unti`",
            ),
            ({"debt": 1}, "debt"),
            ({"id": "0007-promote-r-000000000000"}, "holds the record"),
            ({"environment": "staging"}, "ledger/staging/"),
        ],
    )
    def test_what_promotion_does_not_write_is_broken(
        self, change: dict[str, object], why: str
    ) -> None:
        value = yaml.safe_load(record_bytes(RECORD)) | change
        whole = {key: each for key, each in value.items() if each is not ...}
        content = yaml.safe_dump(whole).encode()
        with pytest.raises(IntegrityError) as caught:
            read_record(content, RECORD.path)
        assert caught.value.exit_code == 11
        assert caught.value.file == RECORD.path
        assert why in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"\xff\n", b"digest: x\n", b"- 1\n", b"a: &a [*a]\n"])
    def test_what_is_no_state_at_all(self, content: bytes) -> None:
        for whole in (content, f"digest: {sha256(content)}\n".encode() + content):
            with pytest.raises(IntegrityError, match=r"promotion/state/prod\.yaml"):
                read_state(whole, "prod")


class TestChain:
    def test_a_state_follows_from_its_ledger(self, promoted_once: Promoted) -> None:
        with Repository(promoted_once.folder) as repository:
            files = owned(repository, "main")
            tree = repository.object_id("main", "rendered/staging")
        records = read_ledger(files, "staging")
        state = current(files, "staging")
        assert state is not None
        assert state == state_of(records[-1].record, records[-1].sha256)
        assert [each.record.event for each in records] == ["adopt", "promote"]
        assert state.rendered.tree == tree

    def test_each_record_follows_the_one_before_it(self, promoted_once: Promoted) -> None:
        with Repository(promoted_once.folder) as repository:
            first, second = read_ledger(owned(repository, "main"), "staging")
        for broken in (
            [second],
            [first, first],
            [first, structs.replace(second, record=replace(second.record, previous=None))],
            [structs.replace(first, sha256="0" * 64), second],
            [first, structs.replace(second, record=replace(second.record, sequence=3))],
            [first, structs.replace(second, record=replace(second.record, previous_tree="x"))],
            [first, structs.replace(second, record=replace(second.record, event=Event.HOLD))],
        ):
            with pytest.raises(IntegrityError):
                check_chain(broken)
        check_chain([first, second])


class TestDigests:
    def test_sha256sum_gives_the_same(self, promoted_once: Promoted) -> None:
        """What docs/promotion-files.md tells an auditor to run."""
        with Repository(promoted_once.folder) as repository:
            state = current(owned(repository, "main"), "prod")
        command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=promoted_once.folder / "rendered/prod",
            check=True,
            capture_output=True,
            text=True,
        )
        assert state is not None
        assert done.stdout.split()[0] == state.rendered.sha256

    @examples(25)
    @given(
        st.dictionaries(
            st.from_regex(r"[a-b.-]{1,3}(/[a-b.-]{1,2})?", fullmatch=True).filter(
                lambda path: not {".", ".."} & {*path.split("/")}
            ),
            st.binary(max_size=3),
            min_size=1,
            max_size=8,
        ).filter(lambda files: not any(f"{a}/" in b for a in files for b in files))
    )
    def test_git_gives_the_same_tree(
        self, promoted_once: Promoted, names: Mapping[str, bytes]
    ) -> None:
        files = {f"rendered/x/{name}": content for name, content in names.items()}
        with Repository(promoted_once.folder) as repository:
            prepared = commit_files(repository, "main", files, "x", when=START)
            assert repository.object_id(prepared, "rendered/x") == git_tree("x", files)

    def test_a_digest_is_of_names_and_bytes(self) -> None:
        whole = {"rendered/x/a": b"1", "rendered/x/b": b"2"}
        others = ({"rendered/x/a": b"2", "rendered/x/b": b"1"}, {"rendered/x/a": b"1"})
        assert rendered_sum("x", whole) == rendered_sum("x", dict(reversed(whole.items())))
        assert len({rendered_sum("x", files) for files in (whole, *others)}) == 3


class TestAdvance:
    """What each event leaves of a hold, of rejected releases and of a debt."""

    @pytest.fixture
    def staging(self, promoted_once: Promoted) -> tuple[EnvironmentState, dict[str, bytes]]:
        with Repository(promoted_once.folder) as repository:
            files = owned(repository, "main")
        state = current(files, "staging")
        assert state is not None
        return state, files

    def step(
        self, staging: tuple[EnvironmentState, dict[str, bytes]], event: Event, **more: object
    ) -> Transition:
        proposal = RecordDraft("staging", event, NOW, **more)  # type: ignore[arg-type] # its fields
        return advance(*staging, proposal)

    def test_a_hold_writes_a_state_and_a_record(
        self, staging: tuple[EnvironmentState, dict[str, bytes]]
    ) -> None:
        prepared = self.step(staging, Event.HOLD, hold=HOLD, reason="audit week")
        assert set(prepared.files) == {state_path("staging"), prepared.record.path}
        assert prepared.state.hold == HOLD
        assert prepared.state.rendered == staging[0].rendered
        link = Previous(2, staging[0].release, staging[0].record_sha256)
        assert (prepared.state.sequence, prepared.state.previous) == (3, link)
        rejected = self.step(
            (prepared.state, staging[1]), Event.REJECT, rejects=("r-aaaaaaaaaaaa",)
        )
        assert rejected.state.hold == HOLD
        assert rejected.state.rejected == ("r-aaaaaaaaaaaa",)
        resumed = self.step((rejected.state, staging[1]), Event.RESUME)
        assert resumed.state.hold is None
        assert resumed.state.rejected == ("r-aaaaaaaaaaaa",)

    def test_a_rollback_rejects_what_it_leaves(
        self, staging: tuple[EnvironmentState, dict[str, bytes]], promoted_once: Promoted
    ) -> None:
        state, files = staging
        with Repository(promoted_once.folder) as repository:
            first = read_ledger(files, "staging")[0].record
            path = "rendered/staging/istio-system/peerauthentication-default.yaml"
            old = repository.read(f"{promoted_once.second}~1", path)
        assert old is not None
        release = _release(first)
        prepared = self.step(
            staging, Event.ROLLBACK, release=release, files={path: old}, hold=HOLD, overlay="o"
        )
        assert prepared.state.rejected == (state.release,)
        assert prepared.files[path] == old
        gone = "rendered/staging/shop/destinationrule-cart.yaml"
        assert prepared.files[gone] is None
        assert (prepared.record.changed, prepared.record.removed) == ((path,), (gone,))
        assert prepared.record.rollback_command.startswith("meshgate rollback staging --to 2")

    def test_a_debt_stays_until_it_is_paid(
        self, staging: tuple[EnvironmentState, dict[str, bytes]]
    ) -> None:
        same = {
            "release": _release(read_ledger(staging[1], "staging")[1].record),
            "files": {"rendered/staging/x/y-z.yaml": b"a: 1\n"},
        }
        pending_backport = PendingBackport("", (Fact("A/b/c", "/d", 1),), dt.date(2026, 9, 1))
        owed = self.step(staging, Event.HOTFIX, pending_backport=pending_backport, **same)
        assert owed.state.pending_backport == replace(pending_backport, record=owed.record.path)
        after = (owed.state, staging[1])
        assert (
            self.step(after, Event.HOLD, hold=HOLD).state.pending_backport
            == owed.state.pending_backport
        )
        assert (
            self.step(after, Event.PROMOTE, **same).state.pending_backport
            == owed.state.pending_backport
        )
        assert (
            self.step(after, Event.PROMOTE, ends_backport=True, **same).state.pending_backport
            is None
        )

    @pytest.mark.parametrize(
        ("event", "more", "why"),
        [
            (Event.PROMOTE, {}, "there is no release"),
            (Event.PROMOTE, {"files": {}}, "there is no release"),
            (Event.HOLD, {}, "there is no hold"),
            (Event.HOLD, {"hold": HOLD, "files": {}}, "does not change what is rendered"),
        ],
    )
    def test_what_no_flow_may_propose(
        self,
        staging: tuple[EnvironmentState, dict[str, bytes]],
        event: Event,
        more: dict[str, object],
        why: str,
    ) -> None:
        with pytest.raises(UsageError, match=why):
            self.step(staging, event, **more)

    def test_only_an_adoption_comes_first(self) -> None:
        with pytest.raises(UsageError, match="prod has no state"):
            advance(None, {}, RecordDraft("prod", Event.HOLD, NOW, hold=HOLD))

    @pytest.mark.parametrize("event", [Event.HOLD, Event.REJECT])
    def test_two_writes_conflict_in_git_and_equal_ones_do_not(
        self, promoted: Promoted, staging: tuple[EnvironmentState, dict[str, bytes]], event: Event
    ) -> None:
        """Without the digest line a hold would merge cleanly over an open promotion."""
        one = self.step(staging, Event.HOLD, hold=HOLD, reason="one")
        other = self.step(staging, event, hold=HOLD, rejects=("r-aaaaaaaaaaaa",), reason="other")
        with Repository(promoted.folder) as repository:
            commits = [
                commit_files(
                    repository, "main", prepared.files, "x", when=START + dt.timedelta(day)
                )
                for day, prepared in enumerate((one, other, one))
            ]
        git(promoted.folder, "switch", "-q", "--detach", commits[0])
        with pytest.raises(subprocess.CalledProcessError) as caught:
            git(promoted.folder, "merge", "-q", commits[1])
        assert f"CONFLICT (content): Merge conflict in {state_path('staging')}" in (
            caught.value.stdout
        )
        git(promoted.folder, "merge", "--abort")
        git(promoted.folder, "merge", "-q", commits[2])


def _release(record: PromotionRecord) -> Release:
    return Release(record.release, record.alias, record.source)


def test_records_of_this_repository_are_written_again_byte_for_byte() -> None:
    """The order of keys is part of the ledger: digests are of bytes."""
    files = sorted((REPOSITORY / "promotion/ledger").rglob("*.yaml"))
    same = 0
    for file in files:
        content = file.read_bytes()
        path = file.relative_to(REPOSITORY).as_posix()
        written = record_bytes(read_record(content, path).record)
        there = yaml.safe_load(content)
        assert [key for key in yaml.safe_load(written) if key in there] == list(there)
        # Records of before have not the keys of effects that were added later.
        same += written == content
    assert same
