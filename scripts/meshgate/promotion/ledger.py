"""An environment's ledger and state: a file for each event, chained by SHA-256, and its end.

`promotion/ledger/<environment>/` is only added to; each record names the SHA-256 of the one before.
`promotion/state/<environment>.yaml` is what the newest record leaves. Its first line is the SHA-256
of the rest, so that any two different writes conflict in git.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct, field, structs

from meshgate.config.reading import parse
from meshgate.config.typed import typed
from meshgate.errors import IntegrityError, UsageError
from meshgate.model import JSONObject
from meshgate.promotion import listed_changes
from meshgate.promotion.environment_state import EnvironmentState, LedgerPart, Previous
from meshgate.promotion.files import below, ledger_folder, rendered_folder, sha256, state_path
from meshgate.promotion.records import RECORD_KEYS, PromotionRecord
from meshgate.repository import Repository, TreeEntry
from meshgate.yamldoc.writing import dump_value

Part = TypeVar("Part", bound=LedgerPart)

RECORD_NAME = re.compile(r"[0-9]{4,}-[a-z]+-r-[0-9a-f]{12}\.yaml")
STATE_FIRST_LINE = re.compile(rb"digest: ([0-9a-f]{64})\n")
NO_CHANGES = "\nchanges: []\n"
# The list of changes, to where the next key of a record begins.
CHANGES = re.compile(r"\nchanges:\n(- sha: .*?\n)(?=[a-zA-Z])", re.DOTALL)
# What a state repeats of the record that leaves it.
OF_RECORD = (
    "environment",
    "sequence",
    "release",
    "alias",
    "source",
    "rendered",
    "previous",
    "hold",
    "rejected",
    "pending_backport",
)


class Recorded(Struct, frozen=True):
    """A record, and the SHA-256 of its file."""

    record: PromotionRecord
    sha256: str

    @property
    def link(self) -> Previous:
        """What the next record says of this one."""
        return Previous(self.record.sequence, self.record.release, self.sha256)


class EnvironmentFiles(Struct, frozen=True):
    """An environment's files at a commit, read as far as they can be.

    state          None: there is no state file, or it does not parse
    ledger         the records that parse, by sequence, whatever is wrong with others
    files          the bytes of state, ledger and rendered folder, by whole path
    record_faults  what is wrong with records and between them
    state_faults   what is wrong with the state, also against the newest record
    strays         paths in the ledger's folder that are no record's
    """

    environment: str
    commit: str
    state: EnvironmentState | None
    ledger: tuple[Recorded, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    record_faults: tuple[IntegrityError, ...] = ()
    state_faults: tuple[IntegrityError, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[PromotionRecord, ...]:
        """The ledger, by sequence; empty where anything in it is broken: then none is believed."""
        if self.record_faults or self.strays:
            return ()
        return tuple(recorded.record for recorded in self.ledger)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with state and ledger as they stand, a sentence each."""
        faults = (*self.state_faults, *self.record_faults)
        return (
            *(" ".join(filter(None, (fault.what, fault.why))) for fault in faults),
            *(f"{path}: is not a file that promotion wrote" for path in self.strays),
        )

    @property
    def rendered(self) -> dict[str, bytes]:
        """The rendered files, by whole path."""
        return below(self.files, rendered_folder(self.environment))


def files_at(repository: Repository, commit: str, environment: str) -> EnvironmentFiles:
    """The files of an environment at a commit."""
    paths = (
        rendered_folder(environment).rstrip("/"),
        ledger_folder(environment).rstrip("/"),
        state_path(environment),
    )
    entries = repository.entries(commit, *paths)
    files = {entry.path: repository.blob(entry.blob) for entry in entries if _is_regular(entry)}
    return read_files(environment, files, commit)


def read_files(environment: str, files: Mapping[str, bytes], commit: str = "") -> EnvironmentFiles:
    """The files of an environment from bytes by whole path; `files` may hold those of others, too.

    Nothing is raised: what does not parse, or does not follow, is listed in the faults.
    """
    folder = ledger_folder(environment)
    ledger: list[Recorded] = []
    faults: list[IntegrityError] = []
    strays: list[str] = []
    for path, content in below(files, folder).items():
        if not RECORD_NAME.fullmatch(path.removeprefix(folder)):
            strays.append(path)
            continue
        try:
            ledger.append(read_record(content, path))
        except IntegrityError as error:
            faults.append(error)
    ledger.sort(key=lambda recorded: recorded.record.sequence)
    try:
        check_chain(ledger)
    except IntegrityError as error:
        # A record that does not parse leaves a gap, which says nothing more.
        faults += [] if faults else [error]
    state, state_faults = _state_among(environment, files, ledger)
    return EnvironmentFiles(
        environment=environment,
        commit=commit,
        state=state,
        ledger=tuple(ledger),
        files=files,
        record_faults=tuple(faults),
        state_faults=tuple(state_faults),
        strays=tuple(strays),
    )


def _state_among(
    environment: str, files: Mapping[str, bytes], ledger: Sequence[Recorded]
) -> tuple[EnvironmentState | None, list[IntegrityError]]:
    """The state, and why it is not what the newest record left."""
    path = state_path(environment)
    content = files.get(path)
    if content is None:
        return None, [IntegrityError("is missing", file=path)] if ledger else []
    try:
        state = read_state(content, environment)
    except IntegrityError as error:
        return None, [error]
    if not ledger:
        return state, [IntegrityError("is missing", file=state.record)]
    newest = ledger[-1]
    if state.record != newest.record.path:
        fault = f"tells the record {state.record}, and the newest is {newest.record.path}"
        return state, [IntegrityError(fault, file=path)]
    if state != state_of(newest.record, newest.sha256):
        return state, [IntegrityError(f"is not what {newest.record.path} left", file=path)]
    return state, []


def record_bytes(record: PromotionRecord) -> bytes:
    """The content of a ledger file."""
    if record.changes:
        items = listed_changes.written(record.changes)
        others = _whole(structs.replace(record, changes=()))
        # Only a key stands at the beginning of a line.
        if items is not None and others.count(NO_CHANGES) == 1:
            return others.replace(NO_CHANGES, f"\nchanges:\n{items}").encode()
    return _whole(record).encode()


def _whole(record: PromotionRecord) -> str:
    value = msgspec.to_builtins(record)
    return dump_value({key: value[key] for key in RECORD_KEYS})


# An audit asks for the ledger as it was at each of its records: each is read once.
@functools.lru_cache(maxsize=1000)
def read_record(content: bytes, path: str) -> Recorded:
    """The record in a ledger file. Raises IntegrityError, also where the path says another one."""
    record = _with_listed_changes(content, path)
    if record is None:
        record, value = _read(content, path, "record", PromotionRecord)
        if value["id"] != record.id:
            raise _broken(path, f"holds the record {record.path}")
    if record.path != path:
        raise _broken(path, f"holds the record {record.path}")
    return Recorded(record, sha256(content))


def _with_listed_changes(content: bytes, path: str) -> PromotionRecord | None:
    """A record whose changes are read apart from the rest: there may be thousands.

    None for one that is not written exactly as `record_bytes` writes what was read.
    """
    try:
        text = content.decode("utf-8")
        if (listed := CHANGES.search(text)) is None:
            return None
        changes = listed_changes.read(listed[1])
        others = f"{text[: listed.start()]}{NO_CHANGES}{text[listed.end() :]}"
        if changes is None:
            return None
        rest, _ = _read(others.encode(), path, "record", PromotionRecord)
        record = structs.replace(rest, changes=changes)
        return record if record_bytes(record) == content else None
    except (UnicodeDecodeError, IntegrityError):
        # `_read` says where in the file itself it is wrong.
        return None


def read_ledger(files: Mapping[str, bytes], environment: str) -> list[Recorded]:
    """Every record of an environment, oldest first, the chain checked.

    `files` may hold more than its ledger. Raises IntegrityError.
    """
    ledger = [
        read_record(content, path)
        for path, content in sorted(below(files, ledger_folder(environment)).items())
    ]
    ledger.sort(key=lambda recorded: recorded.record.sequence)
    check_chain(ledger)
    return ledger


def check_chain(ledger: Sequence[Recorded]) -> None:
    """Raise IntegrityError unless each record follows the one before it."""
    before: Recorded | None = None
    for recorded in ledger:
        _check_link(recorded.record, before)
        if before is not None and not recorded.record.event.changes_render:
            _check_unmoved(recorded.record, before.record)
        before = recorded


def _check_link(record: PromotionRecord, before: Recorded | None) -> None:
    expected = before.record.sequence + 1 if before else 1
    if record.sequence != expected:
        raise _broken(record.path, f"is number {record.sequence}, where {expected} should follow")
    if record.previous != (before.link if before else None):
        raise _broken(
            record.path,
            f"does not follow {before.record.path}" if before else "is the first and follows one",
            why="Its `previous` tells another record, or another content of it.",
        )
    if record.previous_tree != (before.record.rendered.tree if before else None):
        raise _broken(record.path, "tells another rendered folder before it")


def _check_unmoved(record: PromotionRecord, before: PromotionRecord) -> None:
    if (record.release, record.source, record.rendered) != (
        before.release,
        before.source,
        before.rendered,
    ):
        raise _broken(record.path, f"is a {record.event}, and yet changes what is rendered")


def state_bytes(state: EnvironmentState) -> bytes:
    """The content of `promotion/state/<environment>.yaml`."""
    rest = dump_value(msgspec.to_builtins(state)).encode()
    return f"digest: {sha256(rest)}\n".encode() + rest


def read_state(content: bytes, environment: str) -> EnvironmentState:
    """The state that a file holds. Raises IntegrityError when one byte is not as it was written."""
    file = state_path(environment)
    first = STATE_FIRST_LINE.match(content)
    if first is None:
        raise _broken(file, "the first line is not its digest")
    written, actual = first[1].decode(), sha256(content[first.end() :])
    if written != actual:
        raise _broken(
            file,
            "its digest is not that of its content",
            why=f"It says {written}, and is {actual}.",
        )
    state, _ = _read(content, file, "state", EnvironmentState)
    if state.environment != environment:
        raise _broken(file, f"is the state of {state.environment}")
    return state


def state_of(record: PromotionRecord, record_sha256: str) -> EnvironmentState:
    """The state that a record leaves; its file has that SHA-256."""
    return EnvironmentState(
        record=record.path,
        record_sha256=record_sha256,
        **{name: getattr(record, name) for name in OF_RECORD},
    )


def _read(content: bytes, file: str, schema: str, kind: type[Part]) -> tuple[Part, JSONObject]:
    """What a file holds, as a value of its class and as it is written. Raises IntegrityError."""
    try:
        document = parse(content.decode("utf-8"), file)
        return typed(document, schema, kind), document.value
    except UnicodeDecodeError as error:
        raise _broken(file, "is not UTF-8 text") from error
    except UsageError as error:
        # Beyond the first problem, each on a line of its own.
        why = "\n".join(filter(None, (error.what, error.why)))
        raise _broken(file, "is not as it was written", why=why) from error


def _broken(file: str, what: str, *, why: str = "") -> IntegrityError:
    """The error of a file that is not what promotion wrote."""
    return IntegrityError(what, file=file, why=why, hint=f"git log -p -- {file}")


def _is_regular(entry: TreeEntry) -> bool:
    """Whether an entry of git is a file with bytes of its own: no link, no submodule."""
    return entry.mode.startswith("100")
