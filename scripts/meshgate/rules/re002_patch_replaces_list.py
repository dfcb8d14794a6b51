"""A patch that replaces a list and loses what the base had in it.

What it checks
    Every patch that writes a list by which its kind decides as a whole, for entries that were there
    before it and are in the rendered object no more: `subsets`, `portLevelSettings` and `exportTo`;
    rules of an AuthorizationPolicy; hosts, gateways and routes of a VirtualService; hosts, ports,
    endpoints and addresses of a ServiceEntry; servers of a Gateway, with their hosts; `egress` and
    `ingress` of a Sidecar; `jwtRules`; rules of a NetworkPolicy; `configPatches`. Entries are known
    by their name, port or host; a rule by whom it is for, a route by what it matches.

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
    An entry that stays and loses fields of its own is not reported. Neither is a list that a patch
    removes by name (`subsets: null`), or a JSON patch that removes an entry: both say what they do.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import BuildStep, Resource, Severity, split_path
from meshgate.rules.context import Context
from meshgate.rules.replaced_lists import Entries, lists
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

# Operations of a JSON patch that put a value in the place of another.
REPLACING = frozenset({"add", "replace", "copy", "move"})


def check(context: Context) -> Iterator[Violation]:
    for resource in context.rendered if context.record.chains else ():
        final = lists(resource.value)
        reported: set[tuple[str, str]] = set()
        for step in context.record.chains.get(resource.ref, ()):
            for name, path in replaced(step).items():
                now = final.get(name, Entries(path, frozenset()))
                before, after = (lists(value).get(name) for value in (step.before, step.after))
                lost = before.entries - after.entries - now.entries if before and after else set()
                new = sorted(entry for entry in lost if (name, entry) not in reported)
                if new:
                    reported.update((name, entry) for entry in new)
                    yield violation(resource, step, name, now.path, new)


def replaced(step: BuildStep) -> dict[str, str]:
    """The lists that a patch writes as a whole: name and path."""
    if step.kind != "patch":
        return {}
    if isinstance(step.patch, dict):
        return {name: entries.path for name, entries in lists(step.patch).items()}
    written = {
        f"{operation.get('path')}/": isinstance(operation.get("value"), list)
        for operation in step.operations
        if isinstance(operation, dict) and operation.get("op") in REPLACING
    }
    return {
        name: entries.path
        for name, entries in lists(step.after).items()
        if any(
            pointer(entries.path).startswith(path)
            # A list within an entry, as the hosts of one server.
            or (is_list and path.startswith(pointer(entries.path)))
            for path, is_list in written.items()
        )
    }


def pointer(path: str) -> str:
    """The JSON pointer (RFC 6901) of a path; none of these keys needs to be escaped."""
    return "".join(f"/{part}" for part in split_path(path)) + "/"


def violation(
    resource: Resource, step: BuildStep, name: str, path: str, entries: list[str]
) -> Violation:
    """What one patch lost."""
    lost = listed(entries)
    return Violation(
        resource,
        path,
        f"the patch in {step.origin.file} replaces {name} and loses {lost}, which the base had: "
        "a list in a patch takes the place of the whole list",
        fix=f"add {lost} to the patch's {name}, or use a JSON patch that adds to the list",
        key=f"{name} {lost}",
    )


RULE = Rule(
    id="RE002",
    name="patch-replaces-list",
    severity=Severity.ERROR,
    summary="A patch replaces a list that its kind decides by, and loses an entry.",
    fix="write the whole list in the patch, or use a JSON patch that adds to it",
    phase=Phase.STATE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
