"""What kustomize's transformers changed of an object, and the hosts they never touch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.model import BuildStep, Resource, join_path, value_at
from meshgate.rules.context import Context


def earlier(steps: Iterable[BuildStep], path: str, final: str | None) -> list[str]:
    """What the base had set at a path before a transformer changed it."""
    changed = [
        old
        for step in steps
        if step.kind == "transformer" and (old := value_at(step.before, path))
        if old not in (value_at(step.after, path), final)
    ]
    return list(dict.fromkeys(map(str, changed)))


def hosts(resource: Resource) -> Iterator[tuple[str, str]]:
    """Each host of an object that names a service, with its path."""
    spec = resource.spec
    if resource.kind == "DestinationRule":
        yield "spec.host", str(spec.get("host"))
    elif resource.kind == "VirtualService":
        for index, host in enumerate(spec.get("hosts") or ()):
            yield join_path("spec", "hosts", index), str(host)
        for protocol in ("http", "tls", "tcp"):
            for at, route in enumerate(spec.get(protocol) or ()):
                for to in range(len(route.get("route") or ())):
                    path = join_path("spec", protocol, at, "route", to, "destination", "host")
                    yield path, str(value_at(resource.value, path))


def removing_patch(context: Context, resource: Resource) -> BuildStep | None:
    """The patch that takes an object of the bases away; None: no patch does."""
    for step in context.record.removing_patches:
        if Resource.of(step.before or {}).ref == resource.ref:
            return step
    return None
