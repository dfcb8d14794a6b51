"""The state of a pinned environment: pointer, lock, and the end of its ledger's hash chain.

Its first line is the SHA-256 of the rest, so that any two different writes conflict in git.
"""

from __future__ import annotations

import re

from meshgate.promotion.documents import broken, text_of, value_of
from meshgate.promotion.files import sha256, state_path
from meshgate.promotion.values import EnvironmentState, PromotionRecord

KIND = "EnvironmentState"
FIRST_LINE = re.compile(rb"digest: ([0-9a-f]{64})\n")


def state_bytes(state: EnvironmentState) -> bytes:
    """The content of `promotion/state/<environment>.yaml`."""
    rest = text_of(KIND, state).encode()
    return f"digest: {sha256(rest)}\n".encode() + rest


def read_state(content: bytes, environment: str) -> EnvironmentState:
    """The state that a file holds. Raises IntegrityError when one byte is not as it was written."""
    file = state_path(environment)
    first = FIRST_LINE.match(content)
    if first is None:
        raise broken(file, "the first line is not its digest")
    told, found = first[1].decode(), sha256(content[first.end() :])
    if told != found:
        raise broken(
            file, "its digest is not that of its content", why=f"It says {told}, and is {found}."
        )
    state, _ = value_of(EnvironmentState, "state", content, file)
    if state.environment != environment:
        raise broken(file, f"is the state of {state.environment}")
    return state


def state_of(record: PromotionRecord, record_sha256: str) -> EnvironmentState:
    """The state that a record leaves; its file has that SHA-256."""
    return EnvironmentState(
        environment=record.environment,
        sequence=record.sequence,
        release=record.release,
        alias=record.alias,
        source=record.source,
        rendered=record.rendered,
        record=record.path,
        record_sha256=record_sha256,
        previous=record.previous,
        hold=record.hold,
        rejected=record.rejected,
        debt=record.debt,
    )
