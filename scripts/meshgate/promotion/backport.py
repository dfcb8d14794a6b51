"""What a hotfix set in an environment, value by value, until a release of main has it.

A hotfix skips environments, so main may lack what it repairs. Each value that it sets is a fact of
the environment's pending backport: a later release must have it, or name it as given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshgate.model import JSON, Resource
from meshgate.promotion.environment_state import Fact

GONE = object()


def facts_between(before: Iterable[Resource], after: Iterable[Resource]) -> tuple[Fact, ...]:
    """The values that `after` has and `before` has not, and those that are gone.

    One for each leaf; of an object that is gone, one for the object.
    """
    old, new = _by_name(before), _by_name(after)
    facts = [Fact(name, "", None, absent=True) for name in old.keys() - new]
    for name, value in new.items():
        was, now = dict(leaves(old.get(name, {}))), dict(leaves(value))
        facts += [
            Fact(name, pointer, leaf)
            for pointer, leaf in now.items()
            if pointer not in was or was[pointer] != leaf
        ]
        facts += [
            Fact(name, pointer, None, absent=True)
            for pointer in was.keys() - now
            # A scalar that became a mapping is shown by what is below it.
            if pointer and not any(other.startswith(f"{pointer}/") for other in now)
        ]
    return tuple(sorted(facts, key=lambda fact: (fact.resource, fact.pointer)))


def missing_facts(facts: Sequence[Fact], resources: Iterable[Resource]) -> list[Fact]:
    """The facts that these objects do not have."""
    objects = _by_name(resources)
    return [fact for fact in facts if not _holds(fact, objects)]


def leaves(value: JSON, pointer: str = "") -> Iterator[tuple[str, JSON]]:
    """Every scalar, empty mapping and empty list of a value, with its JSON pointer (RFC 6901)."""
    if isinstance(value, dict) and value:
        for key, inside in value.items():
            yield from leaves(inside, f"{pointer}/{_escaped(str(key))}")
    elif isinstance(value, list) and value:
        for index, inside in enumerate(value):
            yield from leaves(inside, f"{pointer}/{index}")
    else:
        yield pointer, value


def _escaped(key: str) -> str:
    """A key as one part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _by_name(resources: Iterable[Resource]) -> dict[str, JSON]:
    return {str(resource): resource.value for resource in resources}


def _holds(fact: Fact, objects: Mapping[str, JSON]) -> bool:
    value = objects.get(fact.resource, GONE)
    for token in fact.pointer.split("/")[1:]:
        value = _inside(value, token.replace("~1", "/").replace("~0", "~"))
    return value is GONE if fact.absent else (value is not GONE and value == fact.value)


def _inside(value: JSON, key: str) -> JSON:
    """What a mapping or list has under one part of a pointer; GONE where it has nothing there."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        # A port of portLevelMtls is text in JSON and may be a number here.
        return value.get(int(key), GONE) if key.isdecimal() else GONE
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return GONE
