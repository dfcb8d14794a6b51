"""Copies of remote bases that a repository keeps, each with its digest.

A kustomization may name a base at an address by a full commit id where `vendored.yaml`, in its own
folder, says which folder of this repository holds that commit's files and what their digest is:

    vendored:
      - url: https://github.com/example/policies
        commit: 0123456789abcdef0123456789abcdef01234567
        folder: ../../policies/vendor/example
        sha256: …

Nothing is ever fetched: the copy is what is built, as long as its digest is the one stated.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from meshgate.errors import BuildError
from meshgate.model.vendored import COMMIT, VendoredCopy, VendoredFile
from meshgate.yamldoc import document
from meshgate.yamldoc.files import MEBIBYTE, Root

FILE = "vendored.yaml"
# The keys that kustomize takes a reference from (NewRepoSpecFromURL); `ref` is the documented one.
REFERENCE_KEYS = frozenset({"ref", "version"})
MOST_FILES = 5000
LARGEST_COPY = 128 * MEBIBYTE


class Vendored(Struct, frozen=True):
    """What a remote reference is built from.

    folder  the base, relative to the root
    top     the copy of the repository that it lies in; its bases must, too
    files   every file of that copy, with its bytes
    stated  the file that says so
    """

    folder: str
    top: str
    files: dict[str, bytes]
    stated: str


class NotVendoredError(Exception):
    """Why a remote reference is not built from a copy, and what mends it; for the finding."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


def pinned_to(text: str) -> str | None:
    """The full commit id that an address is pinned to by `ref`; None for a branch, tag or none."""
    query = text.partition("?")[2]
    named = [
        value for key, value in parse_qsl(query, keep_blank_values=True) if key in REFERENCE_KEYS
    ]
    return named[0] if len(named) == 1 and re.fullmatch(COMMIT, named[0]) else None


class Copies:
    """The copies of one tree; each is read, and its digest taken, once."""

    def __init__(self, below: Root) -> None:
        self._below = below
        self._stated: dict[str, tuple[VendoredCopy, ...]] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        # By the folder of a copy: the file that brought it in, which counts for its bases, too.
        self._used: dict[str, str] = {}

    def top_of(self, folder: str) -> str | None:
        """The copy that a folder lies in, if it does."""
        return next((top for top in self._used if is_below(folder, top)), None)

    def stated_in(self, folder: str) -> str:
        """The file that speaks for the remote bases of a folder's kustomization."""
        top = self.top_of(folder)
        return posixpath.normpath(f"{folder}/{FILE}") if top is None else self._used[top]

    def find(self, folder: str, text: str) -> Vendored | None:
        """The copy that a remote reference of a kustomization in `folder` is built from.

        None where no file states one. Raises NotVendoredError where the copy, its digest or what
        states it is not right.
        """
        commit = pinned_to(text)
        stated = self.stated_in(folder)
        if commit is None or not self._below.exists(stated):
            return None
        address = text.partition("?")[0]
        fitting = [
            each
            for each in self._entries(stated)
            if each.commit == commit and is_below(address, each.url.rstrip("/"))
        ]
        if not fitting:
            return None
        entry = max(fitting, key=lambda each: len(each.url))
        top = self._top(stated, entry)
        files = self._checked(stated, entry, top)
        inner = address[len(entry.url.rstrip("/")) :].strip("/")
        base = posixpath.normpath(posixpath.join(top, inner))
        if not is_below(base, top) or not self._below.is_folder(base):
            raise NotVendoredError(
                f"the copy {top} has no folder {inner}",
                f"copy it, and state the digest anew in {stated}",
            )
        self._used[top] = stated
        return Vendored(base, top, files, stated)

    def _entries(self, stated: str) -> tuple[VendoredCopy, ...]:
        if stated not in self._stated:
            try:
                value = document.parse(self._below.read(stated), stated).value
                self._stated[stated] = msgspec.convert(value, VendoredFile).vendored
            except BuildError as error:
                raise NotVendoredError(error.what, error.hint or f"correct {stated}") from error
            except msgspec.ValidationError as error:
                raise NotVendoredError(
                    f"{stated} is not as it has to be: {error}",
                    "`meshgate schema vendored` says what it has",
                ) from error
        return self._stated[stated]

    def _top(self, stated: str, entry: VendoredCopy) -> str:
        name = posixpath.normpath(posixpath.join(posixpath.dirname(stated), entry.folder))
        real = self._below.inside(name)
        if real is None or real == ".":
            raise NotVendoredError(
                f"{stated} names {entry.folder}, which is no folder inside this repository",
                "keep the copy in a folder of its own, in this repository",
            )
        if not self._below.is_folder(real):
            raise NotVendoredError(
                f"{stated} names {entry.folder}, and there is no such folder",
                f"copy the files of commit {entry.commit[:12]} there",
            )
        return real

    def _checked(self, stated: str, entry: VendoredCopy, top: str) -> dict[str, bytes]:
        """The files of a copy whose digest is the stated one."""
        if top not in self._files:
            self._files[top] = self._read(top)
        files = self._files[top]
        digest = digest_of(top, files)
        if digest != entry.sha256:
            raise NotVendoredError(
                f"the copy {top} is not what {stated} states: its digest is {digest}",
                f"restore the files of commit {entry.commit[:12]}; or, once the change is "
                f"reviewed, write `sha256: {digest}` in {stated}",
            )
        return files

    def _read(self, top: str) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        size = 0
        for name in self._names(top):
            try:
                files[name] = self._below.read(name)
            except BuildError as error:
                raise NotVendoredError(error.what, error.hint or "leave it out") from error
            size += len(files[name])
            if len(files) > MOST_FILES or size > LARGEST_COPY:
                raise NotVendoredError(
                    f"the copy {top} has more than {MOST_FILES} files or "
                    f"{LARGEST_COPY // MEBIBYTE} MiB",
                    "keep only what its bases need, in the same folders",
                )
        return files

    def _names(self, folder: str) -> Iterator[str]:
        try:
            inside = self._below.listed(folder)
        except BuildError as error:
            raise NotVendoredError(error.what, error.hint) from error
        for own, is_link, is_folder in inside:
            name = f"{folder}/{own}"
            if is_link:
                raise NotVendoredError(
                    f"{name} is a link", "replace it by what it leads to: a copy holds files only"
                )
            if is_folder:
                yield from self._names(name)
            else:
                yield name


def digest_of(top: str, files: dict[str, bytes]) -> str:
    """The digest of a copy, as other tools take it, too.

    In the copy: `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
    """
    total = hashlib.sha256()
    named = {os.fsencode(name[len(top) + 1 :]): content for name, content in files.items()}
    for name, content in sorted(named.items()):
        total.update(b"%s  ./%s\n" % (hashlib.sha256(content).hexdigest().encode(), name))
    return total.hexdigest()


def is_below(name: str, top: str) -> bool:
    """Whether a name or address is this one, or below it."""
    return name == top or name.startswith(f"{top}/")
