"""Which known name was meant by an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

MEANT = "did you mean"
# Of two in five letters, wrong ones: `apy` is `api`, `mutual-tls` is none of Istio's modes.
ALIKE = 0.65
# A shorter known name that another one begins with is chance.
SHORTEST_START = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, in any case of letters; None where none is like it.

    Of names that are as much like it, the first of the alphabet: `PA01` is `PA001`, not `PA014`.
    """
    import difflib  # noqa: PLC0415 - slow to import, and only an error needs it

    by_fold = {other.casefold(): other for other in known}
    folded = name.casefold()
    alike = difflib.SequenceMatcher()
    alike.set_seq2(folded)

    def likeness(other: str) -> float:
        alike.set_seq1(other)
        return alike.ratio()

    close = difflib.get_close_matches(folded, by_fold, n=len(by_fold) or 1, cutoff=ALIKE)
    if close:
        best = likeness(close[0])
        return by_fold[min(other for other in close if likeness(other) == best)]
    # `production` is not close to `prod` by letters, but it is what was meant.
    start = next(
        (each for each in by_fold if len(each) >= SHORTEST_START and folded.startswith(each)), None
    )
    return None if start is None else by_fold[start]


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence that leads from an unknown name to the known ones.

    `otherwise` is said where no known name is like it; by default, what is known.
    """
    names = list(known)
    meant = nearest(name, names)
    if meant is not None:
        return f"{MEANT} `{meant}`?"
    return otherwise or "known: " + (", ".join(names) or "there is none")
