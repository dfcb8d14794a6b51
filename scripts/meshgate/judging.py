"""From resources to a context that the rules judge: refused objects out, the mesh made."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from meshgate.mesh import Mesh
from meshgate.model import Environment, Resource, ResourceIndex
from meshgate.rules.context import Context
from meshgate.schema import check
from meshgate.source import Build

# Any of these says what the policies are about; without one, calls cannot be judged.
INVENTORY_KINDS = (
    "Service",
    "ServiceEntry",
    "WorkloadEntry",
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
)


def context_of(
    environment: Environment,
    build: Build,
    inventory: Iterable[Resource],
    today: datetime.date,
    *,
    engine: str,
    complete: bool = True,
) -> Context:
    """Everything the rules may look at, for one environment."""
    own = tuple(build.resources)
    foreign = tuple(inventory)
    violations = check(
        (*own, *foreign),
        istio=environment.mesh.istio,
        engine=engine,
        allowed=environment.require.kinds,
    )
    refused = {id(violation.resource) for violation in violations}
    resources = ResourceIndex(r for r in (*own, *foreign) if id(r) not in refused)
    known = next(resources.of(*INVENTORY_KINDS), None) is not None
    return Context(
        environment=environment,
        resources=resources,
        mesh=Mesh(resources.all, environment.mesh) if known else None,
        today=today,
        record=build.record,
        violations=tuple(violations),
        rendered=own,
        complete=complete,
    )


def with_others(context: Context, contexts: Mapping[str, Context]) -> Context:
    """The context, with the environments it is compared with."""
    environment = context.environment
    return dataclasses.replace(
        context,
        upstream={name: contexts[name] for name in environment.after if name in contexts},
        siblings={
            name: other
            for name, other in contexts.items()
            if name != environment.name
            and environment.clusters
            and other.environment.clusters == environment.clusters
        },
    )
