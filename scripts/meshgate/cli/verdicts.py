"""The exit code of what guards and gates say."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.errors import IntegrityError, MeshgateError, RefusedError, WaitingError
from meshgate.promotion.judge import Decision, HeadJudgement

CODES = {
    Decision.PASS: 0,
    Decision.WAITING: WaitingError.exit_code,
    Decision.REFUSED: RefusedError.exit_code,
    Decision.BROKEN: MeshgateError.exit_code,
}


def exit_code(judgements: Sequence[HeadJudgement]) -> int:
    """The gravest of several judgements."""
    if any(
        judgement.candidate is not None and judgement.candidate.base.problems
        for judgement in judgements
    ):
        return IntegrityError.exit_code
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Decision.BROKEN, Decision.REFUSED, Decision.WAITING):
        if verdict in verdicts:
            return CODES[verdict]
    return 0
