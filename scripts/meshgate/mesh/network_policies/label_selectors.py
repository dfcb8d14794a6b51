"""Label selectors, asked about labels of which some are not known.

An answer is True, False, or None where files do not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.network_policies.invalid import InvalidPolicyError, mapping, sequence
from meshgate.model import JSON
from meshgate.wording import plural

_WITH_VALUES = frozenset({"In", "NotIn"})
_WITHOUT_VALUES = frozenset({"Exists", "DoesNotExist"})


class OpenLabels(Struct, frozen=True):
    """The labels of a pod or a namespace.

    open_keys  keys that it may have or not, with a value that files do not tell
    is_open    whether it may have any other label, too
    """

    labels: Mapping[str, str]
    open_keys: frozenset[str] = frozenset()
    is_open: bool = False

    def is_unknown(self, key: str) -> bool:
        """Whether files do not tell if the key is there."""
        return key not in self.labels and (self.is_open or key in self.open_keys)


class Requirement(Struct, frozen=True):
    """One of `matchExpressions`."""

    key: str
    operator: str
    values: frozenset[str]

    def holds(self, own: OpenLabels) -> bool | None:
        """Whether labels fulfil it: `NotIn` also where the key is absent, as Kubernetes has it."""
        if own.is_unknown(self.key):
            return None
        value = own.labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


class LabelPattern(Struct, frozen=True):
    """A selector (metav1.LabelSelector); without pairs and requirements it selects everything."""

    pairs: tuple[tuple[str, str], ...] = ()
    requirements: tuple[Requirement, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it selects everything."""
        return not self.pairs and not self.requirements

    def selects(self, own: OpenLabels) -> bool | None:
        """Whether it selects what has these labels."""
        result: bool | None = True
        for key, value in self.pairs:
            if own.labels.get(key) != value:
                if not own.is_unknown(key):
                    return False
                result = None
        for requirement in self.requirements:
            holds = requirement.holds(own)
            if holds is False:
                return False
            result = result and holds
        return result


def label_selector(value: JSON, path: str) -> LabelPattern:
    """The selector that a manifest holds. Raises InvalidPolicyError."""
    own = mapping(value, path)
    pairs = selectors.labels(mapping(own.get("matchLabels"), f"{path}.matchLabels"))
    listed = sequence(own.get("matchExpressions"), f"{path}.matchExpressions")
    return LabelPattern(
        tuple(sorted(pairs.items())),
        tuple(_requirement(item, f"{path}.matchExpressions") for item in listed),
    )


def _requirement(value: JSON, path: str) -> Requirement:
    own = mapping(value, path)
    operator = str(own.get("operator"))
    values = frozenset(map(str, sequence(own.get("values"), f"{path}.values")))
    if operator not in _WITH_VALUES | _WITHOUT_VALUES:
        raise InvalidPolicyError(f"{path} has no operator {operator}")
    if bool(values) is not (operator in _WITH_VALUES):
        given = plural(len(values), "value") if values else "no values"
        raise InvalidPolicyError(f"{path}: {operator} with {given}")
    return Requirement(str(own.get("key")), operator, values)


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Whether one of the answers is True; None: that hangs on what files do not tell."""
    result: bool | None = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result
