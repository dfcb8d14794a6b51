"""Labels, statuses, comments: a run reports which of them failed, and the next tries again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshgate.errors import RepositoryError

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class BestEffort:
    """Collects the failures of a run that do not end it."""

    reasons: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Let the forge fail at `what` ("labels", "the status promotion/gate")."""
        try:
            yield
        except RepositoryError as error:
            self.reasons.append(f"{what}: {error.why or error.what}")
            LOG.warning("%s: %s", what, " ".join(str(error).split("\n")))
