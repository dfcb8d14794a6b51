"""What could be judged of the tree that a change starts from, kept by its id.

To find a verdict by its key every file of its environment is read. Where nothing that an
environment is judged by differs from a tree of git, its id says the same of 10,000 at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import structs

from meshgate import source
from meshgate.errors import MeshgateError
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdict_key import KeyPlace, common_inputs
from meshgate.pipeline.verdicts import VerdictQuestion, trusted
from meshgate.source.cache import Cache, digest

SECTION = "trees"
# Part of every key: raise it when what is kept changes.
FORMAT = "1"


class JudgedTree:
    """The environments of a tree that could be judged, and how much of each.

    `found` has verdicts without findings, by name. Charts are left out: the program that renders
    them is asked for where one is rendered.
    """

    def __init__(self, question: VerdictQuestion, tree: str) -> None:
        self._cache = Cache(trusted(question) if tree else None, SECTION)
        self._key = ""
        self.found: dict[str, EnvironmentVerdict] = {}
        place = KeyPlace(question.root, question.cache, question.settings)
        try:
            program = source.renderer(question.root, question.cache).identity
        except MeshgateError:  # told where something is rendered
            return
        today = question.settings.today.isoformat()
        self._key = digest(FORMAT, tree, today, program, *common_inputs(place))
        charts = {each.name for each in question.environments if each.helm}
        try:
            kept = msgspec.convert(self._cache.get(self._key), list[EnvironmentVerdict])
        except msgspec.ValidationError:
            return
        self.found = {each.environment: each for each in kept if each.environment not in charts}

    def add(self, verdicts: Iterable[EnvironmentVerdict]) -> None:
        """Keep more of them: of environments of which nothing differs from the tree."""
        new = {each.environment: bare(each) for each in verdicts if each.refused is None}
        if not self._key or new.keys() <= self.found.keys():
            return
        every = [*{**new, **self.found}.values()]
        self._cache.put(self._key, msgspec.to_builtins(every))


def bare(verdict: EnvironmentVerdict) -> EnvironmentVerdict:
    """A verdict without its findings: whether, and of how much, there is one."""
    return structs.replace(verdict, findings=(), undecided=None, seconds=0.0)
