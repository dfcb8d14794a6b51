"""The safe steps to a change, in every format that people and programs read."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from meshgate.report import Options
from meshgate.report.steps.told import Steps, Told, Written

__all__ = ["FORMATS", "Steps", "Told", "Written"]


def _own(name: str) -> Callable[[Sequence[Steps], Options], str]:
    """The renderer in the module of that name, which is imported when it is first asked for."""

    def render(found: Sequence[Steps], options: Options) -> str:
        module = importlib.import_module(f"{__name__}.{name}")
        return "".join(str(module.render(each, options)) for each in found)

    return render


FORMATS = {name: _own(name) for name in ("text", "json", "markdown")}
