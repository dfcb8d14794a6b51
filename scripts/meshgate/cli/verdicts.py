"""The exit code of what guards and gates say."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.errors import IntegrityError, MeshgateError, RefusedError, WaitingError
from meshgate.promotion.judge import Judgement, Verdict

CODES = {
    Verdict.PASS: 0,
    Verdict.WAITING: WaitingError.exit_code,
    Verdict.REFUSED: RefusedError.exit_code,
    Verdict.BROKEN: MeshgateError.exit_code,
}


def exit_code(judgements: Sequence[Judgement]) -> int:
    """The gravest of several judgements."""
    if any(
        judgement.candidate is not None and judgement.candidate.base.problems
        for judgement in judgements
    ):
        return IntegrityError.exit_code
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Verdict.BROKEN, Verdict.REFUSED, Verdict.WAITING):
        if verdict in verdicts:
            return CODES[verdict]
    return 0
