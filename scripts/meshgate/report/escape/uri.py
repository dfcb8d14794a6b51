"""Paths as relative URI references (RFC 3986)."""

from __future__ import annotations

from urllib.parse import quote


def relative(path: str) -> str:
    """The path, percent-encoded: a colon in it cannot make a scheme, `//` no host.

    A file name that is not UTF-8 has lone surrogates, which are encoded as they are.
    """
    encoded = quote(path, safe="/", errors="surrogatepass")
    return "." + encoded if encoded.startswith("//") else encoded
