"""The namespaces and service accounts that files know, and what is nearest to a misspelt one."""

from __future__ import annotations

from meshgate.mesh import Mesh
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.coverage import GATEWAY_API
from meshgate.mesh.waypoints import account_of
from meshgate.rules.context import Context
from meshgate.wording.nearest import nearest

# Kubernetes makes it in every namespace.
EVERYWHERE = "default"


class KnownIdentities:
    """What identities of a mesh may be made of. `namespaces` of policies count as there."""

    def __init__(self, context: Context, mesh: Mesh) -> None:
        self._mesh = mesh
        self.domains = mesh.authorization.domains.names
        self.namespaces = {context.environment.mesh.root_namespace, *mesh.namespaces}
        self.namespaces.update(workload.namespace for workload in mesh.workloads)
        self.namespaces.update(resource.namespace or "" for resource in context.resources.all)
        self.is_complete = bool(mesh.namespaces)
        self._accounts: dict[str, set[str]] = {}
        for workload in mesh.workloads:
            self._accounts.setdefault(workload.namespace, set()).add(workload.service_account)
        for account in context.resources.of("ServiceAccount"):
            self._accounts.setdefault(namespace_of(account), set()).add(account.name)
        for gateway in context.resources.of("Gateway"):
            if gateway.group == GATEWAY_API:
                # Made by istiod with the proxy's pods, which no file has.
                self._accounts.setdefault(namespace_of(gateway), set()).add(account_of(gateway))

    def has_account(self, namespace: str, account: str) -> bool | None:
        """Whether a namespace has a service account; None: nothing is known of its workloads."""
        if account == EVERYWHERE:
            return True
        if not self._mesh.knows(namespace):
            return None
        return account in self._accounts.get(namespace, ())

    def nearest_account(self, namespace: str, account: str) -> str:
        """`NS/SA` that was probably meant; empty: nothing is like it."""
        own = nearest(account, sorted(self._accounts.get(namespace, ())))
        if own:
            return f"{namespace}/{own}"
        elsewhere = sorted(name for name, names in self._accounts.items() if account in names)
        return f"{elsewhere[0]}/{account}" if len(elsewhere) == 1 else ""


def of(context: Context) -> KnownIdentities | None:
    """What is known in an environment; None: there is no inventory."""
    return None if context.mesh is None else KnownIdentities(context, context.mesh)
