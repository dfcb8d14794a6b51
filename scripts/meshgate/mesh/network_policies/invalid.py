"""NetworkPolicies that the API server refuses, and the shape of what manifests hold."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import JSON, JSONObject


class InvalidPolicyError(ValueError):
    """A NetworkPolicy is not valid (ValidateNetworkPolicySpec), so that no cluster has it."""


def mapping(value: JSON, path: str) -> JSONObject:
    """A mapping, empty for null or what is absent. Raises InvalidPolicyError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidPolicyError(f"{path} is no mapping")
    return value


def sequence(value: JSON, path: str) -> Sequence[JSON]:
    """A list, empty for null or what is absent. Raises InvalidPolicyError."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidPolicyError(f"{path} is no list")
    return value
