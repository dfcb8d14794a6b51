"""A patch that replaces a list and loses what the base had in it.

What it checks
    Every patch that writes `subsets`, `portLevelSettings` or `exportTo`, for entries that were
    there before it and are in the rendered object no more. Subsets are known by their name, port
    entries by their port.

    ```yaml
    # base: portLevelSettings for 8080 and for 9090; the overlay's patch:
    spec:
      trafficPolicy:
        portLevelSettings:
          - port: {number: 9090}
            tls: {mode: DISABLE}     # 8080 has no settings any more
    ```

Why it matters
    kustomize merges mappings, but of Istio's kinds it knows no merge keys: a list in a patch takes
    the place of the whole list. The patch says what it adds and is silent about what it removes: a
    subset that routes need, the TLS settings of another port, a namespace that could see the rule.

How to fix
    Write the whole list in the patch, or use a JSON patch that adds (`path: /spec/subsets/-`) or
    changes one entry. An entry that is really to go is best removed by a JSON patch, which says
    so.

Known gaps
    An entry that stays and loses fields of its own is not told. Neither is a list that a patch
    removes by name (`subsets: null`), or a JSON patch that removes an entry: both say what they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity, value_at
from meshgate.rules.rule import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSON, JSONObject, Resource, Step
    from meshgate.rules.context import Context

Entries = dict[str, tuple[str, set[str]]]


def check(context: Context) -> Iterator[Violation]:
    for resource in context.rendered if context.record.chains else ():
        final = lists(resource.value)
        told: set[tuple[str, str]] = set()
        for step in context.record.chains.get(resource.ref, ()):
            for name, path, entry in lost(step):
                kept = final.get(name, ("", set()))[1]
                if entry not in kept and (name, entry) not in told:
                    told.add((name, entry))
                    yield violation(resource, step, name, final.get(name, (path,))[0], entry)


def lost(step: Step) -> Iterator[tuple[str, str, str]]:
    """The entries that a merge patch drops by writing their list: list, its path, entry."""
    if step.kind != "patch" or not step.before or not isinstance(step.patch, dict):
        return
    after, written = lists(step.after), lists(step.patch)
    for name, (path, entries) in lists(step.before).items():
        if name in written:
            for entry in sorted(entries - after.get(name, ("", set()))[1]):
                yield name, path, entry


def lists(value: JSONObject) -> Entries:
    """The lists that a patch replaces as a whole: name, then path and entries."""
    found: Entries = {}

    def note(name: str, path: str, key: str) -> None:
        items = value_at(value, path)
        if isinstance(items, list):
            found[name] = (path, {label(item, key) for item in items})

    note("exportTo", "spec.exportTo", "")
    note("subsets", "spec.subsets", "name")
    ports = "trafficPolicy.portLevelSettings"
    note("portLevelSettings", f"spec.{ports}", "port.number")
    subsets = value_at(value, "spec.subsets")
    for index, subset in enumerate(subsets if isinstance(subsets, list) else ()):
        name = f"portLevelSettings of subset {label(subset, 'name')}"
        note(name, f"spec.subsets[{index}].{ports}", "port.number")
    return found


def label(item: JSON, key: str) -> str:
    """What an entry is known by."""
    return str(value_at(item, key) if key else item)


def violation(resource: Resource, step: Step, name: str, path: str, entry: str) -> Violation:
    """What one patch lost."""
    return Violation(
        resource,
        path,
        f"the patch in {step.origin.file} replaces {name} and loses {entry}, which was there "
        "before it: a list in a patch takes the place of the whole list",
        fix=f"add {entry} to the patch's {name}, or use a JSON patch that adds to the list",
        key=f"{name} {entry}",
    )


RULE = Rule(
    id="RE002",
    name="patch-replaces-list",
    severity=Severity.ERROR,
    summary="A patch replaces subsets, portLevelSettings or exportTo and loses an entry.",
    fix="write the whole list in the patch, or use a JSON patch that adds to it",
    needs="B",
    kinds=frozenset(),
    check=check,
)
