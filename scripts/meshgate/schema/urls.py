"""How Go's net/url reads URLs, as far as their scheme: what it refuses, istiod refuses."""

from __future__ import annotations

import re

from meshgate.schema import golang

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
USER_INFORMATION = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
# Of ASCII: what Go leaves unescaped in a host. Beyond ASCII anything goes.
HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\]<>\"%\x80-\U0010ffff]*")
# In a host only what is beyond ASCII may be escaped.
HOST_PERCENT = re.compile(r"%(?![89A-Fa-f][0-9A-Fa-f])")
PORT = re.compile(r"(:[0-9]*)?")


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
    found = SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    rest = text[found.end() :] if found else text
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
    return ":" in text and golang.is_ip(text.replace("%25", "%", 1))
