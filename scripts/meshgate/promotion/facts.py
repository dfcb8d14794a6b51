"""What a hotfix changed, as single values: what main owes until a release has them."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.model import JSON, Resource
from meshgate.promotion.pointers import leaves
from meshgate.promotion.values import Fact


def facts_between(before: Iterable[Resource], after: Iterable[Resource]) -> tuple[Fact, ...]:
    """The values that `after` has and `before` has not, and those that are gone.

    One for each leaf; of an object that is gone, one for the object.
    """
    old, new = _objects(before), _objects(after)
    found = [Fact(name, "", None, absent=True) for name in old.keys() - new]
    for name, value in new.items():
        was, now = dict(leaves(old.get(name, {}))), dict(leaves(value))
        found += [
            Fact(name, pointer, leaf)
            for pointer, leaf in now.items()
            if pointer not in was or was[pointer] != leaf
        ]
        found += [
            Fact(name, pointer, None, absent=True)
            for pointer in was.keys() - now
            # A scalar that became a mapping is told by what is below it.
            if pointer and not any(other.startswith(f"{pointer}/") for other in now)
        ]
    return tuple(sorted(found, key=lambda fact: (fact.resource, fact.pointer)))


def _objects(resources: Iterable[Resource]) -> dict[str, JSON]:
    return {str(resource): resource.value for resource in resources}
