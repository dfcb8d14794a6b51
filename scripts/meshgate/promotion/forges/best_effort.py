"""What may fail beside the matter itself: it is told, and the next run tries it again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshgate.errors import RepositoryError

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class BestEffort:
    """Collects what failed: a label, a status, a comment. Empty: nothing did."""

    reasons: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Let the forge fail at `what` ("labels", "the status promotion/gate")."""
        try:
            yield
        except RepositoryError as error:
            self.reasons.append(f"{what}: {error.why or error.what}")
            LOG.warning("%s: %s", what, " ".join(str(error).split("\n")))
