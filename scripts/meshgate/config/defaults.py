"""`defaults` of environments.yaml: what environments share is said once."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import JSON, JSONObject, Position
from meshgate.yamldoc.document import Document

DEFAULTS = "defaults"
ENVIRONMENTS = "environments"
PINNED = "pinned"
# What only promotion acts on: a floating environment, which follows main, does not get it.
OF_PINNED = frozenset({"gates", "gatesWaived", "soak", "approvals", "unseenFields", "signatures"})


class MergedDocument(Document):
    """environments.yaml as if every environment said itself what `defaults` says.

    A value stands where it is written: in `defaults`, where the environment does not say it.
    """

    def __init__(self, written: Document) -> None:
        """`written` is valid against the schema of environments.yaml."""
        self._written = written
        # For a key of a merged mapping, the mapping that has it in the file.
        self._homes: dict[tuple[int, str | int], JSONObject] = {}
        value = {key: part for key, part in written.value.items() if key != DEFAULTS}
        self.defaults: JSONObject = written.value.get(DEFAULTS, {})
        if self.defaults:
            value[ENVIRONMENTS] = [self._entry(self.defaults, own) for own in value[ENVIRONMENTS]]
            self._homes.update(
                {
                    (id(value[ENVIRONMENTS]), index): written.value[ENVIRONMENTS]
                    for index in range(len(value[ENVIRONMENTS]))
                }
            )
        super().__init__(written.file, value)

    def place(self, container: JSON, key: str | int) -> Position:
        """Where a key of a mapping, or an item of a list, stands."""
        return self._written.place(self._homes.get((id(container), key), container), key)

    def at(self, path: Sequence[str | int]) -> Position:
        """Where the value at a path stands; of the nearest one above where it is missing."""
        position, value = Position(self.file, 1, 1), self.value
        for key in path:
            if (key not in value) if isinstance(value, dict) else not isinstance(value, list):
                break
            position, value = self.place(value, key), value[key]
        return position

    def _entry(self, defaults: JSONObject, own: JSONObject) -> JSONObject:
        is_pinned = own.get("mode", defaults.get("mode")) == PINNED
        return self._merged(defaults, own, without=frozenset() if is_pinned else OF_PINNED)

    def _merged(
        self, defaults: JSONObject, own: JSONObject, without: frozenset[str] = frozenset()
    ) -> JSONObject:
        """Both, and what is `own` holds; some keys of `defaults` may be left out.

        The keys of `own` come first: `name` stays where people look for it.
        """
        merged: JSONObject = {}
        for key, part in own.items():
            other: JSON = None if key in without else defaults.get(key)
            both = isinstance(part, dict) and isinstance(other, dict)
            merged[key] = self._merged(other, part) if both else part
            self._homes[id(merged), key] = own
        for key, part in defaults.items():
            if key not in own and key not in without:
                merged[key] = part
                self._homes[id(merged), key] = defaults
        return merged
