"""The policies that `nox -s proof` drives through the lab: each shows one thing Istio decides.

The lab: `web/app-ui` and `boards/boards` have sidecars, `boards/boards-db` and `lobby/rogue` none;
`istio-ingress/ingressgateway` is a gateway, with nothing to do but in the combinations of gateways.
"""

from __future__ import annotations

from collections.abc import Iterator

from e2e.combinations.authorization import authorization
from e2e.combinations.clients import automatic, lookups, merges, policies
from e2e.combinations.entries import ENTRY_ADDRESS, ENTRY_HOST, entries
from e2e.combinations.routes import routes
from e2e.combinations.servers import matrix, servers
from e2e.combinations.shapes import Combination

__all__ = ["ENTRY_ADDRESS", "ENTRY_HOST", "Combination", "combinations"]


def combinations() -> Iterator[Combination]:
    """All of them, in the order of the page."""
    yield from matrix()
    yield from servers()
    yield from lookups()
    yield from merges()
    yield from policies()
    yield from automatic()
    yield from routes()
    yield from entries()
    yield from authorization()
