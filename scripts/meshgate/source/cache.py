"""Results kept between runs, each in a file named by what it was made from.

An entry carries its own digest: one that was cut short or changed is as good as none. Entries are
written aside and moved into place, so that two runs can share a folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import tempfile
from pathlib import Path

from meshgate.model import JSON

logger = logging.getLogger(__name__)

DIGEST_LENGTH = 64


def digest(*parts: str | bytes) -> str:
    """A key: it depends on every part, and on where one ends and the next begins."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(b"%d:" % len(content))
        total.update(content)
    return total.hexdigest()


class Cache:
    """JSON values by key; with no folder it forgets everything."""

    def __init__(self, folder: Path | None, section: str) -> None:
        self._folder = folder / section if folder else None

    def get(self, key: str) -> JSON:
        """The cached value; None where there is none, or its file was changed since."""
        if self._folder is None:
            return None
        try:
            content = self._file(key).read_bytes()
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

    def _file(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / key[2:]


@functools.cache
def _warn(folder: Path, reason: str) -> None:
    """Say it once in a process: one run opens the same cache for many commits."""
    logger.warning(
        "the cache %s cannot be written (%s); the run goes on without it", folder, reason
    )
