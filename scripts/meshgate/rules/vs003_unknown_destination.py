"""A route to what is no service.

What it checks
    Every destination of a VirtualService, mirrors included, against the Services and
    ServiceEntries of the policies and the inventory: some service must have the host, and that
    service the port. And every `delegate`, against the VirtualServices.

    ```yaml
    metadata: {name: userprofile, namespace: shop}
    spec:
      hosts: [userprofile.boards.svc.cluster.local]
      http:
      - route:
        - destination: {host: userprofile}    # userprofile.shop: there is none
    ```

Why it matters
    The proxy has no cluster for it and answers 503 (NC) to every request on this route, and what it
    mirrors is lost without a word. A short name means the service of that name in the
    VirtualService's own namespace, never the one whose requests it routes. A route whose delegate
    is not there, has hosts of its own or is not exported to this namespace is left out altogether.

How to fix
    Write the full name of the service and one of its ports, or add the missing ServiceEntry.

Known gaps
    Where the inventory has nothing of a namespace its hosts are not decidable; nor are hosts beyond
    the cluster domain where these are not all policies of the mesh. A service that is there and not
    exported to a client is reported by `meshgate calls`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from meshgate.mesh import Mesh, Service, delegates, hosts
from meshgate.mesh.catalog import namespace_of
from meshgate.model import JSONObject, Resource, Severity, join_path
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.inventory import Inventory
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.virtual_service import KIND, destinations
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    for routing in context.resources.of(KIND):
        reported: set[tuple[str, object]] = set()
        for path, destination in destinations(routing):
            host = hosts.expand(
                str(destination.get("host") or ""),
                routing.namespace or "",
                known.mesh.facts.cluster_domain,
            )
            port = (destination.get("port") or {}).get("number")
            if host and (host, port) not in reported:
                reported.add((host, port))
                yield from unknown(context, known, routing, path, (host, destination))
        yield from without_delegate(context, routing)


def unknown(
    context: Context, known: Inventory, routing: Resource, path: str, named: tuple[str, JSONObject]
) -> Iterator[Violation]:
    """The finding on one destination, unless a service has its host and port."""
    host, destination = named
    services = known.services(host)
    target = known.aliases.get(host)
    if target:
        services = known.services(target)
    if services:
        yield from without_port(routing, path, services, destination)
        return
    why, decided = absent(context, known.mesh, host)
    meant = known.namesake(host)
    wider = known.wildcard_over(host)
    if target:
        why, decided = f"is another name for {target}, which has no ServiceEntry", False
    elif wider:
        why = f"is only a part of {wider.host}, and proxies have a cluster for that one"
    elif meant and decided:
        why = f"is no service; {meant.host} is"
    follows = f"requests on this route {'are' if decided else 'may be'} answered with 503"
    if ".mirror" in path:
        follows = f"what is mirrored there {'is' if decided else 'may be'} lost"
    yield Violation(
        routing,
        f"{path}.host",
        f"{host} {why}: {follows} (no cluster)",
        fix=way_out(context, known.mesh, (routing, path), meant)
        if meant
        else f"add a ServiceEntry for {host}"
        if wider
        else "",
        related=(RelatedResource(meant.resource, "has that name", "metadata.name"),)
        if meant
        else (),
        decided=decided,
        about=host,
    )


def way_out(context: Context, mesh: Mesh, at: tuple[Resource, str], meant: Service) -> str:
    """What to write instead, or why the service of that name does not do."""
    failing = newly_failing(context, mesh, at, meant)
    if not failing:
        return f"write {meant.host}"
    return (
        f"write the host of another service, or mend calls of {meant.host} first: no Sidecar "
        f"resource imports it for {listed(failing)}, which get it with this route and fail"
    )


def newly_failing(
    context: Context, mesh: Mesh, at: tuple[Resource, str], meant: Service
) -> list[str]:
    """The clients whose calls of a service would break by a route that leads to it.

    A Sidecar resource imports what the routes that it imports lead to; before, such calls are
    passed through as they are.
    """
    hidden = {
        str(client)
        for call in mesh.call_classes([meant])
        if call.hidden and not call.broken
        for client in call.clients.members
    }
    if not hidden:
        return []
    routing, path = at
    edited = Resource.of(copy.deepcopy(routing.value), foreign=routing.foreign)
    for place, destination in destinations(edited):
        if place == path:
            destination["host"] = meant.host
    after = Mesh(
        [edited if each is routing else each for each in context.resources.all], mesh.facts
    )
    return [
        str(client)
        for call in after.call_classes(after.services_of(meant.host))
        if call.broken and not call.hidden
        for client in call.clients.members
        if str(client) in hidden
    ]


def without_delegate(context: Context, routing: Resource) -> Iterator[Violation]:
    """The findings on routes whose delegate is not there: istiod leaves such a route out."""
    for number, route in enumerate(routing.spec.get("http") or ()):
        delegate = route.get("delegate")
        if not isinstance(delegate, dict) or not delegate.get("name"):
            continue
        namespace = namespace_of(routing)
        those = list(delegates.named(delegate, namespace, context.resources.of(KIND)))
        if any(delegates.serves(each, namespace) for each in those):
            continue
        why, fix = "is no VirtualService here", ""
        if those:
            why = f"is not exported to {namespace}"
            fix = f"export {those[0].name} to {namespace}"
            if delegates.has_hosts(those[0]):
                why = "has hosts of its own and is no delegate"
                fix = f"remove the hosts of {those[0].name}"
        yield Violation(
            routing,
            join_path("spec", "http", number, "delegate", "name"),
            f"{delegate.get('namespace') or namespace}/{delegate['name']} {why}: this route is "
            "left out, and its requests go where the others lead",
            fix=fix or "write the namespace and the name of a VirtualService without hosts",
            related=tuple(RelatedResource(each, "is the VirtualService") for each in those[:1]),
            decided=context.complete or bool(those),
        )


def absent(context: Context, mesh: Mesh, host: str) -> tuple[str, bool]:
    """Why no service has a host, and whether that is certain."""
    namespace = hosts.service_namespace(host, mesh.facts.cluster_domain)
    if namespace and not mesh.knows(namespace):
        return f"may be there, but the inventory has nothing of {namespace}", False
    if not hosts.is_in_cluster(host, mesh.facts.cluster_domain):
        return "has no ServiceEntry", context.complete
    return "is no Service and no ServiceEntry", True


def without_port(
    routing: Resource, path: str, services: list[Service], destination: JSONObject
) -> Iterator[Violation]:
    """The finding on a port that no service of the host has."""
    port = (destination.get("port") or {}).get("number")
    if not isinstance(port, int) or any(service.port(port) for service in services):
        return
    first = services[0]
    has = ", ".join(str(each.number) for service in services for each in service.ports)
    yield Violation(
        routing,
        f"{path}.port.number",
        f"{first.host} has no port {port}{f', but {has}' if has else ''}: requests on this route "
        "are answered with 503 (no cluster)",
        fix=f"write a port of the service: {has}" if has else "",
        related=(RelatedResource(first.resource, "is the service", "spec.ports"),),
    )


RULE = Rule(
    id="VS003",
    name="unknown-destination",
    severity=Severity.ERROR,
    summary="A route's host or port belongs to no service.",
    fix="write the host and the port of a service that is there, or add the ServiceEntry",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({KIND}),
    check=check,
)
