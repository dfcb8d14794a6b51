"""The NetworkPolicies among the objects of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.catalog import Catalog
from meshgate.mesh.coverage import KUBERNETES_NETWORKING
from meshgate.mesh.network_policies.invalid import InvalidPolicyError
from meshgate.mesh.network_policies.policies import NetworkPolicy, network_policy
from meshgate.model import Resource


def network_policies(catalog: Catalog) -> Iterator[NetworkPolicy]:
    """The NetworkPolicies that a cluster can have."""
    for resource in catalog.of_group(KUBERNETES_NETWORKING, "NetworkPolicy"):
        try:
            yield network_policy(resource)
        except InvalidPolicyError:
            continue


def invalid_policies(catalog: Catalog) -> Iterator[tuple[Resource, str]]:
    """The NetworkPolicies that the API server refuses, with the reason."""
    for resource in catalog.of_group(KUBERNETES_NETWORKING, "NetworkPolicy"):
        try:
            network_policy(resource)
        except InvalidPolicyError as error:
            yield resource, str(error)
