"""A variable that nothing gives a value.

What it checks
    Every policy and Service that is judged, for `${NAME}` and `$(NAME)`; one finding for each file.
    `${NAME:=value}` and `${NAME:-value}` have a default. An object with such a variable is not
    judged otherwise.

    ```yaml
    kind: VirtualService
    spec:
      hosts: ["web.${CLUSTER_DOMAIN}"]   # which host is that?
    ```

Why it matters
    Flux replaces `${NAME}` when it applies what was built, by nothing where it has no value;
    kustomize leaves a `$(NAME)` of no `vars` as it is. Which host, namespace or port is meant is
    not in these files, so nothing can be said of what the policy does.

How to fix
    Give the value where the environment is described, as a mapping or as a file that has it:

    ```yaml
    environments:
      - name: prod
        overlay: overlays/prod
        substitute: {CLUSTER_DOMAIN: example.com}   # or: substitute: clusters/prod/values.yaml
    ```

    The file is a mapping, a ConfigMap or a Flux Kustomization. `meshgate lint` takes `substitute`
    in the file of `--mesh`. What `postBuild.substitute` of a Flux Kustomization for the overlay's
    folder says is found by itself.

Known gaps
    Values from Secrets are not read, and those of Flux objects are found where sources are built,
    not where a promotion judges what was rendered: there `substitute` has to say them. Of a shell's
    operations only defaults are done.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording import agree

NAMED = 5


def check(context: Context) -> Iterator[Violation]:
    by_file: dict[str, list[tuple[Resource, tuple[str, ...]]]] = {}
    for resource, names in context.unresolved:
        file = resource.origin.file if resource.origin else ""
        by_file.setdefault(file, []).append((resource, names))
    where = "environments.yaml" if context.environment.sources else "the file of --mesh"
    for those in by_file.values():
        variables = list(dict.fromkeys(name for _, names in those for name in names))
        objects = [str(resource) for resource, _ in those]
        yield Violation(
            those[0][0],
            "",
            f"{_named(variables)} {agree(len(variables), 'has', 'have')} no value: what "
            f"{_named(objects)} {agree(len(objects), 'says', 'say')} is not known, and is not "
            "judged",
            fix=f"give a value under `substitute:` in {where}, or a default: ${{NAME:=value}}",
        )


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


RULE = Rule(
    id="RE009",
    name="variable-without-value",
    severity=Severity.ERROR,
    summary="A variable that is replaced when the object is applied has no value.",
    fix="give a value under `substitute:`, or a default: ${NAME:=value}",
    phase=Phase.STATE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
