"""What could be judged of the tree that a change starts from, kept by its id.

To find a verdict by its key every file of its environment is read. Where nothing that an
environment is judged by differs from a tree of git, its id says the same of 10,000 at once. And
what lies between two trees says which of what is known of the older one holds for the newer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct, structs

from meshgate import source
from meshgate.errors import MeshgateError
from meshgate.model import Environment
from meshgate.pipeline.affected import unaffected
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdict_key import KeyPlace, common_inputs, dated_inputs
from meshgate.pipeline.verdicts import VerdictQuestion, trusted
from meshgate.source.cache import Cache, digest

SECTION = "trees"
# A new commit asks for its own entry, of a size that grows with the repository.
DAYS_UNREAD = 7
# Part of every key: raise it when what is kept changes.
FORMAT = "3"


class KnownEnvironment(Struct, frozen=True):
    """A verdict without findings, and a digest of all that decided it beside files of sources."""

    decided_by: str
    verdict: EnvironmentVerdict


class JudgedTree:
    """The environments of a tree that could be judged, and how much of each.

    `found` has verdicts without findings, by name. Charts are left out: the program that renders
    them is asked for where one is rendered.
    """

    def __init__(self, question: VerdictQuestion, tree: str) -> None:
        self._question = question
        self._tree = tree
        self._cache = Cache(trusted(question) if tree else None, SECTION, days_unread=DAYS_UNREAD)
        self._common: tuple[str, ...] = ()
        self._is_new = True
        self.found: dict[str, EnvironmentVerdict] = {}
        self._place = KeyPlace(question.root, question.cache, question.settings)
        try:
            program = source.renderer(question.root, question.cache).identity
        except MeshgateError:  # told where something is rendered
            return
        self._common = (FORMAT, program, *common_inputs(self._place))
        self.found = self._read(tree, question.environments)
        self._is_new = not self.found

    def carry_over(
        self, environments: Sequence[Environment], inputs: Callable[[str], frozenset[str]]
    ) -> None:
        """Where nothing is known of the tree: find what holds of the one that was asked for last.

        environments  those of which nothing differs from the tree
        inputs        every file that sources read
        """
        older = self._cache.get(self._newest()) if self._common and not self.found else None
        known = self._read(older, environments) if isinstance(older, str) else {}
        if not known:
            return
        from meshgate.repository import changed_between  # noqa: PLC0415 - GitPython is slow

        between = changed_between(self._question.root, str(older), self._tree)
        if between is not None:
            here = [each for each in environments if each.name in known]
            same = unaffected(self._question.root, here, between, inputs)
            self.found = {name: each for name, each in known.items() if name in same}

    def add(self, verdicts: Iterable[EnvironmentVerdict]) -> None:
        """Keep more of them: of environments of which nothing differs from the tree."""
        new = {each.environment: bare(each) for each in verdicts if each.refused is None}
        if not self._common or not (self._is_new or new.keys() - self.found.keys()):
            return
        every = {**new, **self.found}
        known = [
            KnownEnvironment(self._decided_by(each), every[each.name])
            for each in self._question.environments
            if each.name in every
        ]
        self._cache.put(self._key(self._tree), msgspec.to_builtins(known))
        self._cache.put(self._newest(), self._tree)

    def _read(
        self, tree: str, environments: Sequence[Environment]
    ) -> dict[str, EnvironmentVerdict]:
        """What is kept of a tree, of environments of which the same is said now."""
        try:
            entries = msgspec.convert(self._cache.get(self._key(tree)), list[KnownEnvironment])
        except msgspec.ValidationError:
            return {}
        known = {each.verdict.environment: each for each in entries}
        return {
            each.name: known[each.name].verdict
            for each in environments
            if each.name in known
            and not each.helm
            and known[each.name].decided_by == self._decided_by(each)
        }

    def _decided_by(self, environment: Environment) -> str:
        return digest(msgspec.json.encode(environment), *dated_inputs(environment, self._place))

    def _key(self, tree: str) -> str:
        return digest(tree, *self._common)

    def _newest(self) -> str:
        return digest("newest", os.path.realpath(self._question.root), *self._common)


def bare(verdict: EnvironmentVerdict) -> EnvironmentVerdict:
    """A verdict without its findings: whether, and of how much, there is one."""
    return structs.replace(verdict, findings=(), undecided=None, seconds=0.0)
