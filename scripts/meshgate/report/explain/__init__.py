"""One call, explained step by step: who calls, which rule wins, what is sent, accepted, and done.

`explanation` has the parts of an explanation; a module each works out its chapters (`ends` `rule`
`transport` `server`) and the repairs; `page` writes it in every format.
"""

from __future__ import annotations

from meshgate.report.explain.explanation import CallExplanation
from meshgate.report.explain.page import FORMATS, explanations

__all__ = ["FORMATS", "CallExplanation", "explanations"]
