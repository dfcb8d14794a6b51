"""Where the meshgate that runs came from, so that what it writes names something that is there.

An installer writes it down (PEP 610, `direct_url.json` beside the package): a git URL and commit,
an archive and its digest, or a folder. It writes nothing for a package that an index has.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from meshgate import __version__
from meshgate.errors import MeshgateError
from meshgate.repository import Repository

NAME = "meshgate"
DIRECT_URL = "direct_url.json"
# Where others can get something; a folder or a file of this machine is not among them.
REACHABLE = frozenset({"https", "http", "ssh", "git"})
# git's short form of an address: `git@example.com:platform/meshgate.git`.
SHORT = re.compile(r"(?P<host>(?:[\w.-]+@)?[\w.-]+):(?!/)(?P<path>.+)")


class InstallOrigin(NamedTuple):
    """What pip is to be given to install this same meshgate elsewhere, and what it rests on."""

    # For `pip install`; empty where nobody else can get it from where it came.
    requirement: str
    # In words: "commit 0123… of https://…".
    words: str


def origin() -> InstallOrigin:
    """Where the package came from that runs now."""
    if program := os.environ.get("PEX"):
        return InstallOrigin("", f"the file {Path(program).name}, version {__version__}")
    import importlib.metadata  # noqa: PLC0415 - only `init` asks, and it takes 10 ms

    try:
        written = importlib.metadata.distribution(NAME).read_text(DIRECT_URL)
    except importlib.metadata.PackageNotFoundError:
        return InstallOrigin("", "a folder that nothing was installed from")
    return origin_of(written)


def origin_of(written: str | None) -> InstallOrigin:
    """The origin that a `direct_url.json` tells; without one it was an index."""
    if written is None:
        return InstallOrigin(f"{NAME}=={__version__}", f"version {__version__} of a package index")
    direct = json.loads(written)
    url = _without_secrets(direct["url"])
    if "vcs_info" in direct:
        commit = direct["vcs_info"]["commit_id"]
        return _from_git(url, commit, direct.get("subdirectory", ""))
    if "dir_info" in direct:
        return _from_folder(Path(unquote(urlsplit(url).path)))
    digest = _sha256(direct.get("archive_info", {}))
    if urlsplit(url).scheme not in REACHABLE:
        return InstallOrigin(
            "", f"the file {url.rsplit('/', 1)[-1]}{digest and f' (sha256 {digest})'}"
        )
    return InstallOrigin(
        f"{NAME} @ {url}{digest and f'#sha256={digest}'}",
        f"{url}{digest and f' (sha256 {digest})'}",
    )


def _from_git(url: str, commit: str, folder: str) -> InstallOrigin:
    if urlsplit(url).scheme not in REACHABLE:
        return InstallOrigin("", f"commit {commit} of a git repository on this machine")
    within = f"#subdirectory={folder}" if folder else ""
    return InstallOrigin(f"{NAME} @ git+{url}@{commit}{within}", f"commit {commit} of {url}")


def _from_folder(folder: Path) -> InstallOrigin:
    """A checkout knows its remote and its commit; others can get that where it was pushed."""
    nowhere = InstallOrigin("", "a folder on this machine")
    if not (folder / ".git").exists():
        return nowhere
    try:
        with Repository(folder) as repository:
            remote = repository.config("remote.origin.url")
            commit = repository.find("HEAD") or ""
            pushed = repository.run("for-each-ref", "--contains", commit, "refs/remotes", what="")
    except MeshgateError:
        return nowhere
    if not remote or not commit or not pushed.strip():
        return nowhere
    return _from_git(_without_secrets(_long(remote)), commit, "")


def _long(remote: str) -> str:
    """An address of git as a URL."""
    short = None if "://" in remote else SHORT.fullmatch(remote)
    return f"ssh://{short['host']}/{short['path']}" if short else remote


def _without_secrets(url: str) -> str:
    """An address without password, and over HTTP without user, who may be a token."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at and parts.scheme in ("http", "https"):
        parts = parts._replace(netloc=host)
    elif at:
        parts = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(parts)


def _sha256(archive: dict[str, object]) -> str:
    hashes = archive.get("hashes")
    if isinstance(hashes, dict) and isinstance(found := hashes.get("sha256"), str):
        return found
    algorithm, _, digest = str(archive.get("hash", "")).partition("=")
    return digest if algorithm == "sha256" else ""
