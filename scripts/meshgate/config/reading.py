"""Files of this project's own, and what is wrong with one as an error of configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import BuildError, UsageError
from meshgate.yamldoc import document, files
from meshgate.yamldoc.document import Document

# Far above any real file: 1,000 environments take 1.1 MB.
SIZE_LIMIT = 16 * files.MEBIBYTE


def read(path: Path, file: str) -> Document:
    """The document in a file; `file` is how it is called in messages.

    Raises UsageError for what cannot be read, is no YAML, has a key twice, several documents, a
    tag, or is larger than any configuration.
    """
    with _usage_errors():
        return document.parse(files.read_file(path, file, SIZE_LIMIT), file)


def read_inside(root: Path, file: str) -> Document:
    """The document in a file below `root`. Raises UsageError as `read`, and for a link out."""
    with _usage_errors():
        return document.parse(files.read_inside(root, file, SIZE_LIMIT), file)


def parse(text: str | bytes, file: str) -> Document:
    """The document a text holds. Raises UsageError, as `read` does."""
    with _usage_errors():
        return document.parse(text, file)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except BuildError as error:
        raise UsageError(error.what, why=error.why, hint=error.hint) from error
