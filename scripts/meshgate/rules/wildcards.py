"""The environment's list of wildcard hosts that are meant."""

from __future__ import annotations

from meshgate.model import Floor


def is_allowed(floor: Floor, host: str, namespace: str | None, mode: str | None = None) -> bool:
    """Whether `require.wildcardHosts` has this host for this namespace.

    An entry that names a TLS mode allows the host with that mode only.
    """
    return any(
        allowed.host == host and allowed.namespace == namespace and allowed.mode in (None, mode)
        for allowed in floor.wildcard_hosts
    )
