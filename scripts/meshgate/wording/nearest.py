"""Which known name was meant by an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

MEANT = "did you mean"
# Of two in five letters, wrong ones: `apy` is `api`, `mutual-tls` is none of Istio's modes.
ALIKE = 0.65
# A shorter known name that another one begins with is chance.
SHORTEST_START = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, in any case of letters; None where none is like it."""
    import difflib  # noqa: PLC0415 - slow to import, and only an error needs it

    by_fold = {other.casefold(): other for other in known}
    folded = name.casefold()
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=ALIKE)
    # `production` is not close to `prod` by letters, but it is what was meant.
    close += [
        other for other in by_fold if len(other) >= SHORTEST_START and folded.startswith(other)
    ]
    return by_fold[close[0]] if close else None


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence that leads from an unknown name to the known ones.

    `otherwise` is said where no known name is like it; by default, what is known.
    """
    names = list(known)
    meant = nearest(name, names)
    if meant is not None:
        return f"{MEANT} `{meant}`?"
    return otherwise or "known: " + (", ".join(names) or "there is none")
