"""What NetworkPolicies stop, as part of what becomes of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshgate.mesh.network_policies import Direction, NetworkPolicy
from meshgate.mesh.terms import Outcome


@dataclass(frozen=True, slots=True)
class Blocking:
    """A connection that no policy lets through. Equal where it fails in the same way.

    directions  where it is stopped: on the way out of the client, on the way into the server
    port        that is called on the wire: the container port, or that of HBONE
    policies    those that isolate the pods there, by direction
    otherwise   how the call would end without them
    """

    directions: tuple[Direction, ...]
    port: int
    policies: tuple[tuple[Direction, NetworkPolicy], ...] = field(compare=False)
    otherwise: Outcome = field(compare=False)
