"""One object that is written twice.

What it checks
    Every object that is judged together, for another of the same API group, kind, namespace and
    name; one finding for each pair of files.

    ```yaml
    kind: DestinationRule
    metadata: {name: payments, namespace: shop}
    spec: {host: payments, subsets: [{name: v1, labels: {version: v1}}]}
    ---
    kind: DestinationRule
    metadata: {name: payments, namespace: shop}   # the same object: only this subset exists
    spec: {host: payments, subsets: [{name: v2, labels: {version: v2}}]}
    ```

Why it matters
    A cluster has one object of a name. Whoever is applied last overwrites the other: what that said
    is gone, silently, and the next apply in another order brings it back. kustomize refuses it;
    plain files, charts and `kubectl apply` do not.

How to fix
    Give one of them another name, put both into one object, or delete one. Files for different
    clusters are judged by themselves: `meshgate lint` for each folder.

Known gaps
    Which file is applied last is taken from their order by name, as `kubectl apply -f FOLDER` has
    it. What two kustomizations render twice is judged apart, since they are mostly environments.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSON, MESH_KINDS, Resource, Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

NAMED = 3
Pair = tuple[Resource, Resource]


def check(context: Context) -> Iterator[Violation]:
    by_files: dict[tuple[str, str], list[Pair]] = {}
    for lost, lasting in context.overwritten:
        files = _file(lost), _file(lasting)
        by_files.setdefault(files, []).append((lost, lasting))
    for pairs in by_files.values():
        # What loses something is reported first, and what loses policy before all.
        yield twice(sorted(pairs, key=_gravity))


def twice(pairs: list[Pair]) -> Violation:
    """The finding on all that one file overwrites of another."""
    lost, lasting = pairs[0]
    severity = (Severity.ERROR, Severity.WARNING, Severity.INFO)[_gravity(pairs[0])]
    gone = list(differences(lost.value, lasting.value))
    what = f"what it says of {_named(gone)} is lost" if gone else "both say the same"
    others = [str(pair[0]) for pair in pairs[1:]]
    also = f". So are {_named(others)} of this file" if others else ""
    return Violation(
        lost,
        "metadata.name",
        f"is overwritten by another {lasting.kind} of this namespace and name, which is applied "
        f"later and lasts: {what}{also}",
        related=(RelatedResource(lasting, "lasts", "metadata.name"),),
        severity=severity,
        key=_file(lasting),
    )


def differences(lost: JSON, lasting: JSON, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """The paths of what one object says and another does not say, or says otherwise."""
    if lost == lasting:
        return
    if isinstance(lost, dict) and isinstance(lasting, dict):
        for key, value in lost.items():
            yield from differences(value, lasting.get(key), (*path, key))
    else:
        yield join_path(*path)


def _gravity(pair: Pair) -> int:
    lost, lasting = pair
    if next(differences(lost.value, lasting.value), None) is None:
        return 2
    return 0 if MESH_KINDS.get(lost.kind) == lost.group else 1


def _file(resource: Resource) -> str:
    return resource.origin.file if resource.origin else ""


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


RULE = Rule(
    id="SH010",
    name="object-twice",
    severity=Severity.ERROR,
    summary="Two objects of one kind, namespace and name: the later overwrites the other.",
    fix="give one of them another name, put both into one object, or delete one",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
)
