"""What is told of seen calls: the sentence, what fails, what nobody can tell."""

from __future__ import annotations

import datetime as dt
import json

from msgspec.structs import replace

from meshes import ROOT, peer_authentication, shop
from meshgate.effect.observed import replay
from meshgate.model import SeenCall, SeenSecurity, Traffic, TrafficWindow
from meshgate.report import observed
from meshgate.report.style import Style

NOON = dt.datetime(2026, 7, 31, 12, tzinfo=dt.UTC)
CART = "cart.b.svc.cluster.local"
SAFE = SeenCall(
    client="a/ui",
    host=CART,
    port=80,
    server="b/cart",
    security=SeenSecurity.MUTUAL_TLS,
    rate=3.0,
    last_seen=NOON,
)
FROM_OUTSIDE = replace(SAFE, client="", server_port=8080, security=SeenSecurity.NONE, rate=12.5)
RARE = replace(SAFE, client="a/old", port=None, security=SeenSecurity.NONE, rate=0.0001)
STALE = replace(SAFE, security=SeenSecurity.NONE)
GONE = [replace(SAFE, client=f"a/gone-{n}", host="gone.b") for n in range(30)]


def told(*calls: SeenCall) -> tuple[str, str, object]:
    """Text, Markdown and JSON of these calls against a change to STRICT."""
    seen = Traffic(
        version=1,
        source="Prometheus <b> at here",
        window=TrafficWindow(NOON - dt.timedelta(days=7), NOON),
        calls=calls,
    )
    strict = peer_authentication("default", ROOT, "STRICT")
    found = replay(calls, shop(), shop(strict))
    return (
        "\n".join(observed.text(seen, found, Style(color=False), 120)),
        observed.markdown(seen, found),
        observed.as_json(seen, found),
    )


def test_nothing_fails() -> None:
    text, markdown, _ = told(SAFE)

    assert text == (
        "0 of 1 seen edges would fail\nPrometheus <b> at here, 2026-07-24 12:00 to 2026-07-31 12:00"
    )
    assert markdown.startswith("**0 of 1 seen edges would fail** (Prometheus &lt;b&gt; at here")


def test_what_fails_is_told_the_busiest_first() -> None:
    text, markdown, _ = told(RARE, FROM_OUTSIDE, SAFE)
    lines = [line.split("  ") for line in text.splitlines()[-2:]]

    assert text.startswith("2 of 3 seen edges would fail\n")
    assert [line[0] for line in lines] == ["unknown (plaintext)", "a/old"]
    assert "12.50" in text
    assert "9 a day" in text
    assert "| `unknown (plaintext)` | `cart.b.svc.cluster.local:80` | `12.50` |" in markdown


def test_what_cannot_be_decided_is_grouped_and_counted() -> None:
    text, markdown, _ = told(*GONE, STALE)

    assert text.startswith("0 of 31 seen edges would fail, 31 cannot be decided")
    assert "\nand 11 more; --format json has them all\n" in text
    assert (
        "seen, though the files deny it\n  a/ui to cart.b.svc.cluster.local:80: plaintext" in text
    )
    assert "<summary>Cannot be decided: 31</summary>" in markdown
    same = [replace(GONE[0], port=port) for port in (1, 2, 3)]
    assert (
        "3 such as a/gone-0 to gone.b:1: the inventory has no workload a/gone-0" in told(*same)[0]
    )


def test_json_names_every_call_that_does_not_hold() -> None:
    _, _, value = told(FROM_OUTSIDE, RARE, SAFE, STALE, *GONE)
    found = json.loads(json.dumps(value))

    assert found["seen"] == 34
    assert found["counts"] == {"fails": 2, "undecided": 31, "holds": 1}
    assert [len(found[key]) for key in ("fails", "undecided", "contradictions")] == [2, 31, 1]
    assert found["fails"][0] == {
        "client": None,
        "host": CART,
        "port": 80,
        "server": "b/cart",
        "serverPort": 8080,
        "security": "none",
        "rate": 12.5,
        "lastSeen": "2026-07-31T12:00:00Z",
        "fate": "fails",
        "before": ["ok-plaintext"],
        "after": ["refused"],
        "reason": "",
        "contradiction": "",
    }
