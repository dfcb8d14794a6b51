"""Which deciding objects of a cluster come from this repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meshgate.cluster.sync.prune_protection import is_protected
from meshgate.model import JSONObject, Resource

FLUX_NAME = "kustomize.toolkit.fluxcd.io/name"
ARGOCD_TRACKING = "argocd.argoproj.io/tracking-id"
ARGOCD_LABELS = ("argocd.argoproj.io/instance", "app.kubernetes.io/instance")


class ObjectIdentity(NamedTuple):
    """What tells an object from every other, whatever version of its API it was read in."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, resource: Resource) -> ObjectIdentity:
        """The identity of a resource."""
        return cls(resource.group, resource.kind, resource.namespace or "", resource.name)

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class Ownership:
    """Tells what the sync of one environment owns."""

    def __init__(self, rendered: Iterable[Resource], sync_name: str) -> None:
        """`sync_name` is how its objects of Argo CD and Flux are called."""
        self._rendered = {ObjectIdentity.of(resource) for resource in rendered}
        self._name = sync_name

    def is_foreign(self, value: JSONObject) -> bool:
        """Whether a live object is not of this repository, or is left behind for good.

        One that is no longer rendered and still has the sync's mark is about to be pruned, unless
        it is kept from that.
        """
        resource = Resource.of(value)
        if ObjectIdentity.of(resource) in self._rendered:
            return False
        agent = self._agent(resource)
        return agent is None or is_protected(agent, resource)

    def _agent(self, resource: Resource) -> str | None:
        """The agent that applied the object for this environment."""
        if resource.labels.get(FLUX_NAME) == self._name:
            return "flux"
        tracked = [str(resource.annotations.get(ARGOCD_TRACKING) or "").partition(":")[0]]
        tracked += [str(resource.labels.get(label) or "") for label in ARGOCD_LABELS]
        return "argocd" if any(name.startswith(f"{self._name}-") for name in tracked) else None
