"""Pull requests, comments, reviews and statuses in one JSON file, changed under a lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import RepositoryError
from meshgate.model import JSONObject


class Book:
    """`{"pulls": [...], "statuses": {sha: [...]}}` beside a bare repository."""

    def __init__(self, repository: Path) -> None:
        self.file = repository / "forge.json"
        self.lock = repository / "forge.lock"

    def read(self) -> JSONObject:
        """The book as it is; it is replaced whole, so a reader needs no lock."""
        try:
            book: JSONObject = json.loads(self.file.read_bytes())
        except FileNotFoundError:
            return {"pulls": [], "statuses": {}}
        except ValueError as error:
            raise RepositoryError(f"{self.file} is not JSON", why=str(error)) from error
        return book

    @contextlib.contextmanager
    def opened(self) -> Iterator[JSONObject]:
        """The book to be changed, by nobody else meanwhile; an error changes nothing."""
        with self.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book = self.read()
            yield book
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(book, indent=1), encoding="utf-8")
            new.replace(self.file)
