"""Whether two environments can be compared at all: by names that both know."""

from __future__ import annotations

from meshgate.mesh import Mesh

HINT = "`names:` in environments.yaml says how names of an environment map to those of others"


def is_comparable(one: Mesh, other: Mesh) -> bool:
    """Whether some workload of the one has the namespace and name of one of the other.

    The root namespace has the same name everywhere, so it tells nothing; a mesh without workloads
    is for other rules to tell.
    """
    here, there = _workloads(one), _workloads(other)
    return not here or not there or not here.isdisjoint(there)


def _workloads(mesh: Mesh) -> set[tuple[str, str]]:
    root = mesh.facts.root_namespace
    return {(each.namespace, each.name) for each in mesh.workloads if each.namespace != root}
