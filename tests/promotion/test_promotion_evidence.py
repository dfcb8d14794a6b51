"""Evidence as a file, and its command: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from gated import TREE, R
from judged import NOW, base_of
from meshgate.cli import main
from meshgate.errors import UsageError
from meshgate.promotion import evidence as ev
from meshgate.promotion.evidence import Evidence, Observation
from meshgate.repository import Repository
from promoted import Promoted, commit, git, promote

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


def test_evidence_is_added_and_read_again(
    promoted: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = promoted.folder
    arguments = ["evidence", "add", "staging", "--type", "traffic", "--cluster", "eu"]
    more = ["--result", "pass", "--observed-at", "2026-07-06T10:00:00+02:00", "-C", str(folder)]

    assert main([*arguments, *more, "--reporter", "probe", "--number", "plaintext=0"]) == 0

    path = "promotion/evidence/staging/probe/20260706T080000Z-traffic-eu.json"
    assert path in capsys.readouterr().out
    commit(folder, {}, "evidence", day=6)
    with Repository(folder) as repository:
        (one,) = base_of(repository).evidence("staging")
    assert (one.reporter, one.cluster, one.passed) == ("probe", "eu", True)
    assert one.tree == git(folder, "rev-parse", "HEAD:rendered/staging")
    assert main([*arguments, *more]) == 2  # whose word is it?


def test_evidence_of_an_artifact_is_the_callers_word(promoted: Promoted, tmp_path: Path) -> None:
    folder = promoted.folder
    out = tmp_path / "out"
    arguments = ["evidence", "add", "dev", "--type", "traffic", "--cluster", "dev"]

    assert main([*arguments, "--result", "pass", "--output", str(out), "-C", str(folder)]) == 0

    (file,) = out.iterdir()
    value = json.loads(file.read_text())
    assert value["release"].startswith("r-")  # a floating environment has no tree
    check = ["check", "--base", "main", "-C", str(folder), "--evidence"]
    assert main([*check, f"probe={out}"]) == 0
    assert main([*check, str(out)]) == 2
    file.write_text("{}")
    assert main([*check, f"probe={out}"]) == 2


def test_evidence_in_another_environments_folder_is_refused(promoted: Promoted) -> None:
    folder = promoted.folder
    value = {
        "version": 1,
        "type": "t",
        "env": "prod",
        "cluster": "eu",
        "subjectTree": "a" * 40,
        "observedAt": NOW.isoformat(),
        "result": "pass",
    }
    promote(folder, "prod", day=5)
    git(folder, "switch", "-qc", "promotion")
    git(folder, "switch", "-q", "main")
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    commit(folder, {"promotion/evidence/staging/probe/x.json": json.dumps(value)}, "x", day=5)

    assert main(["check", "--base", "main", "-C", str(folder)]) == 0  # nobody asks yet
    assert main(["check", "--base", "main", "--head", "promotion", "-C", str(folder)]) == 2
