"""What a change does, in every format that people and programs read."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from meshgate.report import FORMATS as FINDINGS
from meshgate.report import Options
from meshgate.report.effect.compared import Compared, Diff

__all__ = ["FORMATS", "Compared", "Diff"]


def _own(name: str) -> Callable[[Sequence[Diff], Options], str]:
    """The renderer in the module of that name, which is imported when it is first asked for."""

    def render(diffs: Sequence[Diff], options: Options) -> str:
        module = importlib.import_module(f"{__name__}.{name}")
        return "".join(str(module.render(diff, options)) for diff in diffs)

    return render


def _findings(name: str) -> Callable[[Sequence[Diff], Options], str]:
    """A format that only knows findings."""

    def render(diffs: Sequence[Diff], options: Options) -> str:
        return "".join(FINDINGS[name](diff.report, options) for diff in diffs)

    return render


FORMATS: dict[str, Callable[[Sequence[Diff], Options], str]] = {
    **{name: _findings(name) for name in FINDINGS},
    **{name: _own(name) for name in ("text", "json", "markdown")},
}
