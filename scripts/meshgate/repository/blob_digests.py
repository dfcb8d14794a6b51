"""SHA-256 of the bytes of many blobs, from one process of git."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import IO

from meshgate.repository.repository import LARGEST_FILE, MEBIBYTE, Repository

# Of what is there `ID TYPE SIZE`; else `ID missing`, or that an id means several objects.
THERE = 3


def blob_digests(repository: Repository, blobs: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of blobs, by their ids. What `Repository.blob` refuses is left out."""
    asked = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
    found: dict[str, str] = {}
    with repository.answers("cat-file", "--batch", stdin=asked) as answers:
        while header := answers.readline().split():
            if len(header) == THERE and header[2].isdigit():
                blob, kind, size = header[0].decode("ascii"), header[1], int(header[2])
                content = _sum(answers, size)
                if kind == b"blob" and size <= LARGEST_FILE:
                    found[blob] = content
    return found


def _sum(answers: IO[bytes], size: int) -> str:
    """The SHA-256 of an answer, which a newline ends."""
    total = hashlib.sha256()
    while size:
        content = answers.read(min(size, MEBIBYTE))
        if not content:
            return ""
        total.update(content)
        size -= len(content)
    answers.read(1)
    return total.hexdigest()
