"""How Go's standard library reads durations, addresses and numbers.

The API server and istiod are Go programs: what these functions refuse, they refuse.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_INT64 = 2**63 - 1
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # micro sign
    "μs": 10**3,  # Greek letter mu
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
DURATION_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")

INTEGER = re.compile(r"[+-]?[0-9]+")
UNSIGNED = re.compile(r"[0-9]+")
PREFIX_BITS = re.compile(r"0|[1-9][0-9]{0,2}")


@lru_cache(maxsize=4096)
def duration(text: str) -> int:
    """Nanoseconds (time.ParseDuration). Raises ValueError."""
    sign = -1 if text.startswith("-") else 1
    rest = text.removeprefix("-") if sign < 0 else text.removeprefix("+")
    if rest == "0":
        return 0
    total = position = 0
    while position < len(rest):
        part = DURATION_PART.match(rest, position)
        if part is None:
            break
        whole, _, fraction = part[1].partition(".")
        unit = NANOSECONDS[part[2]]
        total += int(whole or 0) * unit
        total += int(fraction) * unit // 10 ** len(fraction) if fraction else 0
        position = part.end()
    if not rest or position < len(rest) or total > MAX_INT64:
        raise ValueError(f'invalid duration "{text}"')
    return sign * total


def integer(text: str) -> int | None:
    """The number that strconv.Atoi reads; None where it reads none."""
    if not INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if -MAX_INT64 - 1 <= value <= MAX_INT64 else None


def unsigned(text: str) -> int | None:
    """The number that strconv.ParseUint reads in base 10; None where it reads none."""
    return int(text) if UNSIGNED.fullmatch(text) else None


@lru_cache(maxsize=4096)
def is_ip(text: str) -> bool:
    """Whether netip.ParseAddr reads it."""
    import ipaddress  # noqa: PLC0415 - few manifests hold an address

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_prefix(text: str) -> bool:
    """Whether netip.ParsePrefix reads it: an address without zone, a slash, the bits."""
    address, _, bits = text.rpartition("/")
    if not PREFIX_BITS.fullmatch(bits) or "%" in address or not is_ip(address):
        return False
    return int(bits) <= (128 if ":" in address else 32)


def split_host_port(text: str) -> tuple[str, str] | None:
    """Host and port (net.SplitHostPort); None where Go reads none."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if host.startswith("["):
        if not host.endswith("]"):
            return None
        host = host[1:-1]
    elif ":" in host:
        return None
    if "[" in host + port or "]" in host + port:
        return None
    return host, port
