"""A row that the model and Istio's code answer differently."""

from __future__ import annotations

from typing import NamedTuple


class Mismatch(NamedTuple):
    """One row that the model answers differently."""

    case: str
    why: str
    what: str
    expected: object
    answered: object

    def __str__(self) -> str:
        title = f"{self.case} ({self.why})" if self.why else self.case
        return f"{title}: {self.what}\n  expected {self.expected}\n  answered {self.answered}"
