"""The exit code of what guards and gates say."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.errors import IntegrityError, MeshgateError, RefusedError, WaitingError
from meshgate.promotion.judging import Judged, Verdict

CODES = {
    Verdict.PASS: 0,
    Verdict.WAITING: WaitingError.exit_code,
    Verdict.REFUSED: RefusedError.exit_code,
    Verdict.BROKEN: MeshgateError.exit_code,
}


def exit_code(judged: Sequence[Judged]) -> int:
    """The gravest of several judgements."""
    if any(each.candidate is not None and each.candidate.base.problems for each in judged):
        return IntegrityError.exit_code
    verdicts = {each.verdict for each in judged}
    for verdict in (Verdict.BROKEN, Verdict.REFUSED, Verdict.WAITING):
        if verdict in verdicts:
            return CODES[verdict]
    return 0
