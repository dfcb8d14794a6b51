"""An object that a transformer moved, and a host that stayed.

What it checks
    DestinationRules and VirtualServices whose namespace or name was changed by a kustomize
    transformer (`namespace:`, `namePrefix:`, `nameSuffix:`) after the base had set it. Reported are
    hosts in the old namespace, and short hosts, unless the inventory has a Service of that name in
    the new one.

    ```yaml
    # base: namespace boards, host boards.boards.svc.cluster.local; the overlay:
    namespace: boards-test          # moves the rule, not its host
    ```

Why it matters
    kustomize knows nothing of hosts. The object now lies in the new namespace and speaks of the
    old one, or a short host means another Service than before: the rule matches nothing, or
    something nobody meant, and no tool says a word.

How to fix
    Patch the host in the overlay that moves the object, with the full name of the Service.

Known gaps
    Hosts in ServiceEntries, Sidecars and `exportTo` are not looked at. Where an object was renamed
    and no Service of its namespace is known, a short host that is not the old name is not
    decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh.hosts import expand
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.transformed import earlier, hosts

KINDS = ("DestinationRule", "VirtualService")


class RenamedObject(Struct, frozen=True):
    """An object whose namespace or name is no longer the base's."""

    resource: Resource
    spaces: list[str]  # the namespaces it came from
    names: list[str]  # the names it had
    services: set[str]  # those known where it is now
    domain: str


def check(context: Context) -> Iterator[Violation]:
    services: dict[str | None, set[str]] = {}
    for service in context.resources.of("Service"):
        if not service.group:
            services.setdefault(service.namespace, set()).add(service.name)
    for resource in context.resources.of(*KINDS):
        steps = context.record.chains.get(resource.ref, ())
        moved = RenamedObject(
            resource,
            earlier(steps, "metadata.namespace", resource.namespace),
            earlier(steps, "metadata.name", resource.name),
            services.get(resource.namespace, set()),
            context.environment.mesh.cluster_domain,
        )
        if moved.spaces or moved.names:
            for path, host in hosts(resource):
                yield from left_behind(moved, path, host)


def left_behind(moved: RenamedObject, path: str, host: str) -> Iterator[Violation]:
    """What is wrong with one host of an object that was moved or renamed."""
    resource, here = moved.resource, str(moved.resource.namespace)
    unknown_short = "." not in host and host != "*" and host not in moved.services
    now = expand(host, here, moved.domain)
    for old in moved.spaces:
        if in_namespace(host, old):
            fault = f"{host} still names a service of {old}"
        elif unknown_short:
            fault = (
                f"{host} is short: it meant {expand(host, old, moved.domain)} and now means {now}"
            )
        else:
            continue
        yield Violation(
            resource,
            path,
            f"a transformer moved this object from {old} to {here}, and {fault}",
            fix=f"patch {path} with the full host that is meant, in the overlay that moves it",
            key=old,
        )
    if moved.names and not moved.spaces and unknown_short:
        yield Violation(
            resource,
            path,
            f"a transformer renamed this object from {moved.names[0]} to {resource.name}, and "
            f"{host} still means {now}: transformers rename Services, never hosts",
            fix=f"patch {path} with the name that the Service has after the change",
            decided=bool(moved.services) or host in moved.names,
        )


def in_namespace(host: str, namespace: str) -> bool:
    """Whether a dotted host is that of a Service of a namespace."""
    labels = host.split(".")
    return labels[1:2] == [namespace] and labels[2:3] in ([], ["svc"])


RULE = Rule(
    id="RE004",
    name="host-left-behind",
    severity=Severity.ERROR,
    summary="A transformer moved or renamed an object, and its host stayed.",
    fix="patch the host in the overlay that moves the object",
    phase=Phase.STATE,
    needs=Needs.BUILD,
    kinds=frozenset({"Service", *KINDS}),
    check=check,
)
