"""Labels that put something before what carries them."""

from __future__ import annotations

from collections.abc import Mapping

WAYPOINT = "istio.io/use-waypoint"
_NO_WAYPOINT = "none"


def waypoint_of(labels: Mapping[str, object]) -> str | None:
    """The waypoint that a label names; empty: none, explicitly; None: the label is not there."""
    value = labels.get(WAYPOINT)
    return None if value is None else "" if value == _NO_WAYPOINT else str(value)
