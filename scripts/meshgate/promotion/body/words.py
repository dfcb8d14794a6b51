"""The words in which a page tells ports, calls and times, harmless for Markdown."""

from __future__ import annotations

import datetime

from meshgate.model import JSON, JSONObject
from meshgate.report.escape.markdown import cell_code, prose
from meshgate.report.escape.visible import visible

# The longest text out of a file, in characters: a long one must not push others out.
LONG = 400
SHORT = 90

OUTCOMES = {
    "ok-mtls": "mTLS",
    "ok-plaintext": "plaintext",
    "ok-tls": "TLS",
    "refused": "**refused**",
    "protocol-error": "**protocol error**",
    "tls-to-app": "TLS up to the application",
    "mtls-user-terminated": "mTLS with its own certificate",
    "no-cluster": "**no route**",
    "no-endpoint": "**no endpoint**",
    "denied": "**denied**",
}

# What becomes of a call, as a sentence's end: "3 calls break".
CHANGES = {
    "breaks": ("breaks", "break"),
    "shut-out": ("is shut out", "are shut out"),
    "exposed": ("turns to plaintext", "turn to plaintext"),
    "encrypted": ("turns to mTLS", "turn to mTLS"),
    "unknown": ("cannot be told", "cannot be told"),
    "mends": ("works again", "work again"),
    "moved": ("takes another way", "take another way"),
    "appears": ("is new", "are new"),
    "vanishes": ("is made no more", "are made no more"),
}
GRAVEST = tuple(CHANGES)


def cut(text: str, length: int = LONG) -> str:
    """The text with every character visible, or its start."""
    shown = visible(text[:length])
    return shown if len(shown) <= length and len(text) <= length else shown[:length] + "..."


def port(entry: JSONObject) -> str:
    """The server port of an effect."""
    return cell_code(cut(port_name(entry), SHORT))


def port_name(entry: JSONObject) -> str:
    """`namespace/workload:port`; `*` for the ports that no port table names."""
    number = entry.get("port")
    end = "*" if number is None else number
    return f"{entry.get('namespace', '')}/{entry.get('workload', '')}:{end}"


def mode(side: JSON) -> str:
    """What a port accepts."""
    return cell_code(str(_inside(side, "mode") or "nothing"))


def decided_by(side: JSON) -> str:
    """Which policy decides: the object, or the level where there is none."""
    decided = _inside(side, "decidedBy")
    resource, level = _inside(decided, "resource"), _inside(decided, "level")
    if resource:
        return f"{cell_code(cut(str(resource), SHORT))} ({prose(str(level))})"
    return "no policy" if level in {None, "default"} else prose(str(level))


def client(entry: JSONObject) -> str:
    """Who calls."""
    who = entry.get("client")
    if isinstance(who, dict):
        parts = [str(who[key]) for key in ("namespace", "workload") if who.get(key)]
        who = "/".join(parts) or "clients outside the mesh"
    return cell_code(cut(str(who), SHORT))


def target(entry: JSONObject) -> str:
    """What is called."""
    number = entry.get("port")
    end = f":{number}" if number is not None else ""
    return cell_code(cut(f"{entry.get('host') or 'pod IP'}{end}", SHORT))


def outcome(name: JSON) -> str:
    """What happens to a call."""
    return OUTCOMES.get(str(name), prose(cut(str(name), SHORT)))


def count(entry: JSONObject) -> int:
    """How many calls a line stands for."""
    number = entry.get("count", 1)
    return number if isinstance(number, int) else 1


def moment(at: datetime.datetime) -> str:
    """A time to the minute, in UTC."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _inside(value: JSON, key: str) -> JSON:
    return value.get(key) if isinstance(value, dict) else None
