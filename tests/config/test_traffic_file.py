"""A file of seen calls is read exactly, or refused with the place and the way out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from meshgate import config
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import Position, SeenCall, SeenSecurity
from meshgate.pipeline.seen_traffic import seen_traffic

FULL = """\
version: 1
environment: prod
source: Prometheus at prometheus.example.com
window: {from: "2026-07-25T12:00:00Z", to: 2026-08-01T12:00:00Z}
calls:
  - from: boards/app-ui
    to: boards.boards.svc.cluster.local
    port: 8080
    server: boards/boards
    serverPort: 9080
    security: mutual_tls
    rate: 1.25
    lastSeen: 2026-08-01T11:00:00Z
  - {from: unknown, server: boards/boards, security: none, rate: 0, lastSeen: 2026-07-31T00:00:00Z}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "traffic.yaml"
    file.write_text(text)
    return file


def test_every_key_reaches_its_value(tmp_path: Path) -> None:
    file = written(tmp_path, FULL)
    loaded = config.load_traffic(file)

    assert (loaded.environment, loaded.source) == ("prod", "Prometheus at prometheus.example.com")
    assert (loaded.start, loaded.end) == (
        dt.datetime(2026, 7, 25, 12, tzinfo=dt.UTC),
        dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC),
    )
    assert loaded.calls == (
        SeenCall(
            client="boards/app-ui",
            host="boards.boards.svc.cluster.local",
            port=8080,
            server="boards/boards",
            server_port=9080,
            security=SeenSecurity.MUTUAL_TLS,
            rate=1.25,
            last_seen=dt.datetime(2026, 8, 1, 11, tzinfo=dt.UTC),
        ),
        SeenCall(
            client="",
            server="boards/boards",
            security=SeenSecurity.NONE,
            rate=0.0,
            last_seen=dt.datetime(2026, 7, 31, tzinfo=dt.UTC),
        ),
    )
    assert [call.source for call in loaded.calls] == [
        Position(str(file), 6, 5),
        Position(str(file), 14, 5),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("version: 1", "version: 2", 1, "version"),
        ("    port: 8080", "    ports: 8080", 8, "calls[0].ports: unknown field `ports`"),
        ("port: 8080", "port: 65536", 8, "65536"),
        ("rate: 1.25", "rate: -1.0", 12, "must be at least 0"),
        (
            "security: mutual_tls",
            "security: mtls",
            11,
            "allowed: `mutual_tls`, `none`",
        ),
        ("from: boards/app-ui", "from: app-ui", 6, "does not match"),
        ("08-01T11:00:00Z", "08-01 11:00", 13, "a time in utc"),
        ("08-01T11:00:00Z", "13-01T11:00:00Z", 13, "is no time: month must be in 1..12"),
        ("unknown, server: boards/boards,", "unknown,", 14, "this call has no destination"),
        ("2026-08-01T12:00:00Z}", "2026-07-01T12:00:00Z}", 4, "ends before it begins"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in FULL
    file = written(tmp_path, FULL.replace(old, new))

    with pytest.raises(UsageError) as raised:
        config.load_traffic(file)
    assert str(raised.value).startswith(f"{file}:{line}:")
    assert message in str(raised.value).lower() or message in str(raised.value)


def test_a_file_without_calls_is_no_pass(tmp_path: Path) -> None:
    head = FULL[: FULL.index("calls:")]

    with pytest.raises(NothingToCheckError, match="lists no call"):
        config.load_traffic(written(tmp_path, head + "calls: []\n"))
    with pytest.raises(UsageError, match="`calls` is missing"):
        config.load_traffic(written(tmp_path, head))
    with pytest.raises(UsageError, match="cannot read"):
        config.load_traffic(tmp_path / "none.yaml")


def test_calls_belong_to_one_environment_that_is_compared(tmp_path: Path) -> None:
    file = written(tmp_path, FULL)

    assert seen_traffic(None, ["dev"]) is None
    found = seen_traffic(str(file), ["dev", "prod"])
    assert found is not None
    assert (found.environment, len(found.traffic.calls)) == ("prod", 2)
    with pytest.raises(UsageError, match="seen in prod, which is not compared"):
        seen_traffic(str(file), ["dev", "staging"])

    anywhere = written(tmp_path, FULL.replace("environment: prod\n", ""))
    found = seen_traffic(str(anywhere), ["dev"])
    assert found is not None
    assert found.environment == "dev"
    with pytest.raises(UsageError, match="does not say where the calls were seen"):
        seen_traffic(str(anywhere), ["dev", "prod"])
