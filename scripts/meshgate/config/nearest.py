"""Which known name was meant by an unknown one."""

from __future__ import annotations

from collections.abc import Collection

MEANT = "did you mean"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name most like `name`, in any case of letters; None where none is like it."""
    import difflib  # noqa: PLC0415 - slow to import, and only an error needs it

    by_fold = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), by_fold, n=1)
    # `production` is not close to `prod` by letters, but it is what was meant.
    found += [other for other in by_fold if name.lower().startswith(other)]
    return by_fold[found[0]] if found else None


def hint(name: str, known: Collection[str]) -> str:
    """A sentence that leads from an unknown name to the known ones."""
    meant = nearest(name, known)
    if meant is not None:
        return f"{MEANT} {meant!r}?"
    return "known: " + (", ".join(known) or "there is none")
