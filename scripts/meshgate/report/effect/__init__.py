"""What a change does, in every format that people and programs read."""

from __future__ import annotations

from meshgate.report import FORMATS as FINDINGS
from meshgate.report import Options, formats
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.formats import Formats, Renderer

__all__ = ["FORMATS", "Compared", "Diff"]


def _findings(name: str) -> Renderer[Diff]:
    """A format that only knows findings."""

    def render(diff: Diff, options: Options) -> str:
        return FINDINGS[name](diff.report, options)

    return render


FORMATS: Formats[Diff] = {
    **{name: formats.each(_findings(name)) for name in FINDINGS},
    **formats.modules(__name__, "text", "concise", "json", "markdown"),
}
