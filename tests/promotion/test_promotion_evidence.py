"""Evidence as a file: what is written is read again, and nothing else is."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from gated import TREE, R
from judged import NOW
from meshgate.errors import UsageError
from meshgate.promotion import evidence as ev
from meshgate.promotion.evidence import Evidence, Observation

ONE = Observation(
    version=ev.VERSION,
    type="traffic",
    environment="staging",
    cluster="eu",
    observed_at=NOW,
    result="pass",
    tree=TREE,
    window="30m",
    numbers={"plaintext": 0, "rate": 1.5},
    url="https://example.com/1",
)
TEXT = f"""\
{{
  "version": 1,
  "type": "traffic",
  "env": "staging",
  "cluster": "eu",
  "subjectTree": "{TREE}",
  "observedAt": "2026-07-07T08:00:00+00:00",
  "result": "pass",
  "window": "30m",
  "numbers": {{
    "plaintext": 0,
    "rate": 1.5
  }},
  "url": "https://example.com/1"
}}
"""


def test_evidence_is_read_as_it_was_written() -> None:
    content = ev.written(ONE).encode()

    found = ev.read(content, reporter="probe", file="f")

    assert found == Evidence(**structs.asdict(ONE), reporter="probe", digest=found.digest)
    assert ev.written(ONE) == TEXT
    assert len(found.digest) == 64
    assert ev.file_name(ONE) == "20260707T080000Z-traffic-eu.json"


@pytest.mark.parametrize(
    "change",
    [
        {"result": "ok"},
        {"subjectTree": "main"},
        {"release": R},  # both
        {"subjectTree": None},
        {"observedAt": "yesterday"},
        {"observedAt": "2026-07-07T08:00:00"},
        {"reporter": "me"},
        {"cluster": "../x"},
        {"url": "javascript:alert(1)"},
        {"version": 2},
    ],
    ids=str,
)
def test_what_is_no_evidence_is_refused(change: dict[str, object]) -> None:
    value = json.loads(ev.written(ONE)) | change

    with pytest.raises(UsageError):
        ev.read(json.dumps(value).encode(), reporter="probe", file="f")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"x" * 70_000, b"[" * 60_000]
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        ev.read(content, reporter="probe", file="f")
