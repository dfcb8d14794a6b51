"""The processes of git that stay and answer for objects, where one of them has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import ToolError

# What GitPython says of an answer without a word; git says `missing` of what is not there.
NO_WORD = "SHA is empty"


@contextlib.contextmanager
def answering(root: Path) -> Iterator[None]:
    """Raise ToolError where git ended in the middle: that is no answer, least of all "not there".

    In a clone without all objects git fetches what it is asked for, and ends where it cannot.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise _ended(root) from error
    except ValueError as error:
        if NO_WORD in str(error):
            raise _ended(root) from error
        raise


def _ended(root: Path) -> ToolError:
    return ToolError(
        f"git ended while it read objects of {root}",
        why="A partial clone asks its remote for what it lacks, and the remote did not answer.",
        hint="clone it without --filter, or run `git fsck` to see what is missing",
    )
