"""How Go's standard library reads durations, addresses, numbers and URLs.

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

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
USER_INFORMATION = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
# All but what Go escapes in a host: of ASCII these, of what is beyond it nothing. A range up to
# U+10FFFF would say the same and take 2 ms to compile.
HOST = re.compile(r"[^\x00-\x20#/?@\[\\^`{|}\x7f]*")
# In a host only what is beyond ASCII may be escaped.
HOST_PERCENT = re.compile(r"%(?![89A-Fa-f][0-9A-Fa-f])")
PORT = re.compile(r"(:[0-9]*)?")


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


def request_uri(text: str) -> str:
    """The scheme of an absolute URI or path (url.ParseRequestURI). Raises ValueError."""
    if not text:
        raise ValueError("empty url")
    return _url(text, request=True)


def any_url(text: str) -> str:
    """The scheme of any URL (url.Parse). Raises ValueError."""
    rest, _, fragment = text.partition("#")
    if PERCENT.search(fragment):
        raise ValueError("invalid URL escape")
    return _url(rest, request=False)


def _url(text: str, *, request: bool) -> str:
    if CONTROL.search(text):
        raise ValueError("invalid control character in URL")
    if text.startswith(":"):
        raise ValueError("missing protocol scheme")
    matched = SCHEME.match(text)
    scheme = matched[1].lower() if matched else ""
    rest = text[matched.end() :] if matched else text
    rest = rest.partition("?")[0]
    if text == "*":
        return ""
    if not rest.startswith("/"):
        if scheme:
            return scheme  # opaque, as in mailto:
        if request:
            raise ValueError("invalid URI for request")
        if ":" in rest.partition("/")[0]:
            raise ValueError("first path segment in URL cannot contain colon")
    has_authority = rest.startswith("//") and (scheme or not request)
    if has_authority and not rest.startswith("///"):
        authority, slash, path = rest[2:].partition("/")
        _check_authority(scheme, authority)
        rest = slash + path
    if PERCENT.search(rest):
        raise ValueError("invalid URL escape")
    return scheme


def _check_authority(scheme: str, authority: str) -> None:
    """Raise ValueError where Go refuses `user@host:port`."""
    user, at, host = authority.rpartition("@")
    if at and (not USER_INFORMATION.fullmatch(user) or PERCENT.search(user)):
        raise ValueError("invalid user information")
    if "[" in host:
        literal, bracket, port = host[1:].rpartition("]")
        if not host.startswith("[") or not bracket or "[" in literal or not _is_ipv6(literal):
            raise ValueError("invalid IP address in brackets")
    else:
        # One colon at most, before the port, in http and https; elsewhere the last one counts.
        colon = host.find(":") if scheme in {"http", "https"} else host.rfind(":")
        port = host[colon:] if colon >= 0 else ""
        if not HOST.fullmatch(host) or HOST_PERCENT.search(host):
            raise ValueError("invalid character in host name")
    if not PORT.fullmatch(port):
        raise ValueError(f"invalid port {port!r} after host")


def _is_ipv6(text: str) -> bool:
    return ":" in text and is_ip(text.replace("%25", "%", 1))
