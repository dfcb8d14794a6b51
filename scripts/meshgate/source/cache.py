"""Results kept between runs, each in a file named by what it was made from.

An entry carries its own digest: one that was cut short or changed is as good as none. Entries are
written aside and moved into place, so that two runs can share a folder. What nobody has read for
some weeks is removed: its time says when it was written or, to the day, read last.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import tempfile
import time
from pathlib import Path

from meshgate.model import JSON

logger = logging.getLogger(__name__)

DIGEST_LENGTH = 64
DAY = 24 * 60 * 60
# So many days an entry is kept that nobody reads.
DAYS_UNREAD = 30


def digest(*parts: str | bytes) -> str:
    """A key: it depends on every part, and on where one ends and the next begins."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(b"%d:" % len(content))
        total.update(content)
    return total.hexdigest()


class Cache:
    """JSON values by key; with no folder it forgets everything.

    `days_unread`: so long an entry is kept that nobody reads, the same in all uses of a section.
    """

    def __init__(
        self, folder: Path | None, section: str, *, days_unread: int = DAYS_UNREAD
    ) -> None:
        self._folder = folder / section if folder else None
        self._days_unread = days_unread

    def get(self, key: str) -> JSON:
        """The cached value; None where there is none, or its file was changed since."""
        if self._folder is None:
            return None
        try:
            with self._file(key).open("rb") as file:
                content = file.read()
                _mark_as_read(file.fileno())
        except OSError:
            return None
        body = content[DIGEST_LENGTH:]
        if hashlib.sha256(key.encode() + body).hexdigest().encode() != content[:DIGEST_LENGTH]:
            return None
        return json.loads(body)

    def put(self, key: str, value: JSON) -> None:
        """Store a value. A folder that cannot be written is reported once, and is no failure."""
        if self._folder is None:
            return
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as aside:
                try:
                    aside.write(hashlib.sha256(key.encode() + body).hexdigest().encode() + body)
                    aside.flush()
                    Path(aside.name).replace(file)
                except BaseException:  # also an interrupt
                    Path(aside.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            _warn(self._folder, error.strerror)
        else:
            _remove_unread(self._folder, self._days_unread)

    def _file(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / key[2:]


def _mark_as_read(file: int) -> None:
    """Give an open entry today's time: once a day is enough, and not where it is not ours."""
    if time.time() - os.fstat(file).st_mtime > DAY:
        with contextlib.suppress(OSError):
            os.utime(file)


def _remove_unread(folder: Path, days: int) -> None:
    """Remove the entries of a section that nobody has read for so long; looked for once a day."""
    now = time.time()
    # Its time is that of the last look.
    mark = folder.with_name(f".{folder.name}-last-cleaned")
    with contextlib.suppress(FileNotFoundError):
        if now - mark.stat().st_mtime < DAY:
            return
    # What cannot be looked at or removed stays, also because another run was first.
    with contextlib.suppress(OSError):
        mark.touch()
        for entry in folder.glob("??/*"):
            with contextlib.suppress(OSError):
                if now - entry.lstat().st_mtime > days * DAY:
                    entry.unlink()


@functools.cache
def _warn(folder: Path, reason: str) -> None:
    """Say it once in a process: one run opens the same cache for many commits."""
    logger.warning(
        "the cache %s cannot be written (%s); the run goes on without it", folder, reason
    )
