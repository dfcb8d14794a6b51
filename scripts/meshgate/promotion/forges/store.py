"""Pull requests, comments, reviews and statuses in one JSON file, changed under a lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import RepositoryError
from meshgate.model import JSONObject


class Store:
    """`{"pulls": [...], "statuses": {sha: [...]}}` beside a bare repository."""

    def __init__(self, repository: Path) -> None:
        self.file = repository / "forge.json"
        self.lock = repository / "forge.lock"

    def read(self) -> JSONObject:
        """The content as it is; the file is replaced whole, so a reader needs no lock."""
        try:
            content: JSONObject = json.loads(self.file.read_bytes())
        except FileNotFoundError:
            return {"pulls": [], "statuses": {}}
        except ValueError as error:
            raise RepositoryError(f"{self.file} is not JSON", why=str(error)) from error
        return content

    @contextlib.contextmanager
    def changed(self) -> Iterator[JSONObject]:
        """The content to be changed, by nobody else meanwhile; an error changes nothing."""
        with self.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self.read()
            yield content
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(content, indent=1), encoding="utf-8")
            new.replace(self.file)
