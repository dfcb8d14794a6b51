"""What a client of the lab saw, in the words of the mesh model; and what goes over the wire."""

from __future__ import annotations

import json
import socket

import pytest

from e2e.authorized import Answer, answered
from e2e.combinations import combinations
from e2e.outcomes import Expected, Observation, judged, of_http, told
from e2e.wire import Opened, parse
from meshgate.mesh import Outcome, Transport

SPIFFE = "spiffe://cluster.local/ns/boards/sa/app-ui"
XFCC = f'By=spiffe://cluster.local/ns/boards/sa/boards;Hash=00;Subject="";URI={SPIFFE}'


def body(identity: str) -> str:
    return json.dumps({"pod": "boards", "identity": identity, "items": []})


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (of_http(200, 0, body(XFCC), ""), Outcome.OK_MTLS),
        (of_http(200, 0, body(""), ""), Outcome.OK_PLAINTEXT),
        (of_http(503, 0, "upstream connect error", ""), Outcome.REFUSED),
        (of_http(0, 56, "", "Recv failure: Connection reset by peer"), Outcome.REFUSED),
        (of_http(503, 0, "", ""), Outcome.NO_CLUSTER),
        (of_http(503, 0, "no healthy upstream", ""), Outcome.NO_ENDPOINT),
        (Observation(503, text="reset", not_http=True), Outcome.PROTOCOL_ERROR),
        (Observation(503, text="reset", app_got_tls=True), Outcome.TLS_TO_APP),
        (Observation(pod="boards", wire_tls=True), Outcome.OK_MTLS),
        (Observation(pod="boards"), Outcome.OK_PLAINTEXT),
        (Observation(), Outcome.REFUSED),
        (Observation(502, text="blocked", sent=False), Outcome.NO_CLUSTER),
        (of_http(403, 0, "RBAC: access denied", ""), Outcome.DENIED),
        (of_http(403, 0, "the application's own", ""), Outcome.REFUSED),
        (Observation(denied=True), Outcome.DENIED),
    ],
)
def test_what_is_seen_is_judged(seen: Observation, outcome: Outcome) -> None:
    assert judged(seen) is outcome


def test_the_client_is_read_from_the_server_s_header() -> None:
    assert told(of_http(200, 0, body(XFCC), "")) == f"200, {SPIFFE}"


@pytest.mark.parametrize(
    ("expected", "seen", "agrees"),
    [
        (Expected(Outcome.OK_MTLS, Transport.MTLS), Observation(pod="x"), False),
        (Expected(Outcome.OK_PLAINTEXT, Transport.PLAINTEXT), Observation(pod="x"), True),
        (Expected(Outcome.EXTERNAL, Transport.PLAINTEXT), Observation(), True),
        (Expected(Outcome.EXTERNAL, Transport.PLAINTEXT), Observation(sent_tls=True), False),
        (Expected(Outcome.EXTERNAL, Transport.TLS), Observation(sent_tls=True), True),
        (Expected(Outcome.MTLS_USER_TERMINATED, Transport.MTLS_USER), Observation(), True),
        (Expected(Outcome.MTLS_USER_TERMINATED, None), Observation(pod="x"), False),
    ],
)
def test_the_model_admits_what_it_says_and_nothing_else(
    expected: Expected, seen: Observation, *, agrees: bool
) -> None:
    assert expected.admits(seen) is agrees


def test_a_frame_is_read_as_its_flow_and_payload() -> None:
    payload = b"\x16\x03\x01hello"
    tcp = (1234).to_bytes(2) + (8080).to_bytes(2) + bytes(8) + b"\x50\x18" + bytes(6) + payload
    head = b"\x45\x00" + (20 + len(tcp)).to_bytes(2) + bytes(5) + b"\x06" + bytes(2)
    packet = head + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + tcp
    frame = bytes(12) + b"\x08\x00" + packet

    assert parse(frame) == (("10.0.0.1", 1234, "10.0.0.2", 8080), payload)
    assert parse(bytes(12) + b"\x86\xdd" + packet) is None
    assert Opened("10.0.0.1", "10.0.0.2", 8080, payload).tls
    assert not Opened("10.0.0.1", "10.0.0.2", 8080, b"GET / HTTP/1.1").tls


def test_the_proof_has_enough_different_combinations() -> None:
    found = list(combinations())

    assert len({each.title for each in found}) == len(found) >= 60
    assert len({each.group for each in found}) >= 8


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        (of_http(200, 0, body(XFCC), ""), Answer.OK_MTLS),
        (of_http(200, 0, body(""), ""), Answer.OK_PLAINTEXT),
        (of_http(403, 0, "RBAC: access denied", ""), Answer.FORBIDDEN),
        (of_http(403, 0, "the application's own", ""), Answer.OTHER),
        (of_http(401, 0, "Jwt issuer is not configured", ""), Answer.UNAUTHENTICATED),
        (of_http(503, 0, "upstream connect error", ""), Answer.REFUSED),
        (of_http(0, 0, "", "reset"), Answer.REFUSED),
        (of_http(400, 0, "Bad Request", ""), Answer.OTHER),
    ],
)
def test_an_answer_of_authorization_is_told_from_all_others(
    seen: Observation, answer: Answer
) -> None:
    assert answered(seen) is answer


def test_every_field_of_authorization_is_proven_in_both_actions() -> None:
    found = [each for each in combinations() if each.requests]

    assert len(found) >= 60
    told = " ".join(each.title for each in found)
    for name in ("principals", "notPaths", "remoteIpBlocks", "connection.sni notValues"):
        assert f"allows {name}" in told
        assert f"denies {name}" in told
