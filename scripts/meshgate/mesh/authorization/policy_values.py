"""The values that a policy lists, each with its place in the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh.authorization.policies import AuthorizationPolicy, Fields, positive_field
from meshgate.mesh.authorization.proxy_rules import key_of
from meshgate.model import join_path


class PolicyValue(Struct, frozen=True):
    """One value of one list.

    rule     number of the rule, from 0
    key      the `when` key that asks for the same; `methods`, `paths`, `hosts` have none
    name     the field or key as it is written: `notPaths`, `source.ip`
    negated  whether it is among what is excluded
    """

    rule: int
    key: str
    name: str
    negated: bool
    value: str
    path: str


def policy_values(policy: AuthorizationPolicy) -> Iterator[PolicyValue]:
    """Every value of every rule, in the order of the object."""
    for number, rule in enumerate(policy.rules):
        here = join_path("spec", "rules", number)
        yield from _values(number, rule.sources, f"{here}.from", "source")
        yield from _values(number, rule.operations, f"{here}.to", "operation")
        for place, condition in enumerate(rule.conditions):
            lists = (("values", condition.values), ("notValues", condition.excluded))
            for name, texts in lists:
                for index, value in enumerate(texts):
                    yield PolicyValue(
                        number,
                        condition.key,
                        condition.key,
                        name == "notValues",
                        value,
                        f"{here}.when[{place}].{name}[{index}]",
                    )


def _values(number: int, entries: Sequence[Fields], path: str, kind: str) -> Iterator[PolicyValue]:
    for place, fields in enumerate(entries):
        for name, texts in fields.items():
            for index, value in enumerate(texts):
                yield PolicyValue(
                    number,
                    key_of(name),
                    name,
                    positive_field(name) != name,
                    value,
                    f"{path}[{place}].{kind}.{name}[{index}]",
                )
