"""The exit code of what guards and gates say."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.errors import IntegrityError, MeshgateError, RefusedError, WaitingError
from meshgate.promotion.judge import HeadJudgement, MergeVerdict

CODES = {
    MergeVerdict.PASS: 0,
    MergeVerdict.WAITING: WaitingError.exit_code,
    MergeVerdict.REFUSED: RefusedError.exit_code,
    MergeVerdict.BROKEN: MeshgateError.exit_code,
}


def exit_code(judgements: Sequence[HeadJudgement]) -> int:
    """The gravest of several judgements."""
    if any(
        judgement.candidate is not None and judgement.candidate.base.problems
        for judgement in judgements
    ):
        return IntegrityError.exit_code
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (MergeVerdict.BROKEN, MergeVerdict.REFUSED, MergeVerdict.WAITING):
        if verdict in verdicts:
            return CODES[verdict]
    return 0
