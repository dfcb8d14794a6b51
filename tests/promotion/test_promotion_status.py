"""What people look at every day, and what an auditor asks a year later."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import promoted
from meshgate.cli import main
from meshgate.promotion import overview as line
from meshgate.promotion.environment_state import Event, Fact, PendingBackport
from meshgate.promotion.history import enforced, history
from meshgate.promotion.line import hold, write
from meshgate.promotion.overview import Outlook, overview
from meshgate.promotion.promote import PromoteOptions, promote
from meshgate.promotion.record import record
from pipeline import Pipeline
from places import REPOSITORY
from promoted import Promoted

pytestmark = pytest.mark.sampled(every=2)

SCHEMAS = REPOSITORY / "schemas" / "meshgate"


@pytest.fixture
def prepared(promoted: Promoted) -> Promoted:
    """A repository that was promoted, under a name that leaves the module its own."""
    return promoted


def document(name: str, text: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    value = json.loads(text)
    jsonschema_rs.validator_for(schema).validate(value)
    return value


def test_status_tells_each_environment_and_what_comes_next(pipeline: Pipeline) -> None:
    pipeline.later(hours=3)

    with pipeline.session() as session:
        found = {one.name: one for one in overview(session).environments}

    assert found["dev"].posture == line.Posture(1, 1)
    assert found["staging"].posture == line.Posture(1, 0)
    assert (found["staging"].newer, found["prod"].newer) == (1, 1)
    following = found["staging"].next
    assert following is not None
    assert following.outlook is Outlook.READY
    # It has not been in staging.
    waiting = found["prod"].next
    assert waiting is not None
    assert waiting.outlook is Outlook.NOTHING


def test_an_open_pull_request_is_pending_and_a_hold_keeps_the_next_out(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        opened = promote(session, "staging", PromoteOptions())
    with pipeline.session() as session:
        staging = overview(session).environments[1]

        assert [pull.number for pull in staging.pending] == [opened.pull.number]

        write(session, hold(session, "staging", reason="incident 12"), direct=True)
    with pipeline.session() as session:
        staging = overview(session).environments[1]

    assert staging.state is not None
    assert staging.state.hold is not None
    assert staging.next is not None
    assert staging.next.outlook is Outlook.WAITING
    assert any("incident 12" in reason for reason in staging.next.reasons)


def test_status_reads_well_and_as_its_schema_says(
    prepared: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(prepared.folder), "status"]) == 0
    text = capsys.readouterr().out
    assert "dev" in text
    assert "follows main" in text
    assert "100 %" in text

    assert main(["-C", str(prepared.folder), "status", "--format", "json"]) == 0
    value = document("status", capsys.readouterr().out)
    assert [each["mode"] for each in value["environments"]] == ["floating", "pinned", "pinned"]
    assert value["environments"][2]["behind"] == 1

    assert main(["-C", str(prepared.folder), "status", "--format", "markdown"]) == 0
    assert "| environment |" in capsys.readouterr().out.replace("  ", " ")


def test_a_broken_state_is_told_and_ends_with_11(
    prepared: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    state = prepared.folder / "promotion/state/prod.yaml"
    text = state.read_text().replace("sequence: 1", "sequence: 7")
    promoted.commit(prepared.folder, {"promotion/state/prod.yaml": text}, "by hand", day=8)

    assert main(["-C", str(prepared.folder), "status"]) == 11

    out = capsys.readouterr().out
    assert "meshgate audit prod" in out


def test_overdue_debt_of_a_hotfix_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = promoted.start(tmp_path / "repository")
    promoted.promote(folder, "prod", event=Event.ADOPT, day=1)
    fact = Fact("PeerAuthentication/istio-system/default", "/spec/mtls/mode", "STRICT")
    promoted.commit(folder, promoted.STRICT, "demand mTLS", day=2)
    pending_backport = PendingBackport("", (fact,), dt.date(2026, 7, 2))
    promoted.promote(folder, "prod", event=Event.HOTFIX, day=2, pending_backport=pending_backport)

    assert main(["-C", str(folder), "status"]) == 0

    out = capsys.readouterr().out
    assert "hotfix overdue" in out
    assert "prod owes 1 value of a hotfix to main, overdue" in out


def test_history_lists_events_newest_first(
    prepared: Promoted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(prepared.folder), "history", "--format", "json"]) == 0
    told = document("history", capsys.readouterr().out)["environments"]
    assert [each["environment"] for each in told] == ["staging", "prod"]
    assert [event["event"] for event in told[0]["events"]] == ["promote", "adopt"]

    assert main(["-C", str(prepared.folder), "history", "staging"]) == 0
    assert "2026-07-05 08:00 UTC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("at", "mode", "event"),
    [("2026-07-03", "PERMISSIVE", "adopt"), ("2026-07-05T08:00+00:00", "STRICT", "promote")],
)
def test_history_tells_what_was_enforced_then(
    prepared: Promoted, capsys: pytest.CaptureFixture[str], at: str, mode: str, event: str
) -> None:
    asked = ["history", "staging", "--workload", "shop/cart", "--at", at]
    assert main(["-C", str(prepared.folder), *asked, "--format", "json"]) == 0

    found = document("history", capsys.readouterr().out)["enforced"][0]
    assert [port["mode"] for port in found["ports"]] == [mode, mode]
    assert found["event"]["event"] == event

    assert main(["-C", str(prepared.folder), *asked]) == 0
    assert "Who approved it is not known here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["staging", "--at", "2026-07-05"], 2, "no workload is named"),
        (["staging", "--workload", "shop/carte"], 2, "shop had shop/cart"),
        (["staging", "--workload", "shop/cart", "--at", "2025-01-01"], 5, "no commit from before"),
        (["prod", "--workload", "shop/cart", "--at", "2026-07-01"], 5, "was not adopted then"),
        (["dev"], 2, "is floating"),
    ],
)
def test_history_says_what_it_cannot_tell(
    prepared: Promoted,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    assert main(["-C", str(prepared.folder), "history", *arguments]) == code

    assert told in capsys.readouterr().err


def test_approvals_are_those_of_the_tag_else_of_the_forge(pipeline: Pipeline) -> None:
    with pipeline.session() as session:
        pull = promote(session, "staging", PromoteOptions()).pull
    pipeline.approve(pull.number, "sam")
    pipeline.merge(pull.number)

    with pipeline.session() as session:
        newest = history(session, "staging")[0]
        assert (newest.known_by, [each["login"] for each in newest.approvals]) == ("forge", ["sam"])

        record(session)
    with pipeline.session() as session:
        newest = history(session, "staging")[0]
        answer = enforced(session, "staging", "shop/cart", session.now + dt.timedelta(days=1))

    assert (newest.known_by, [each["login"] for each in newest.approvals]) == ("tag", ["sam"])
    assert answer.entry is not None
    assert answer.entry.known_by == "tag"
