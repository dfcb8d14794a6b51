"""What a change does to real calls: two meshes compared, without listing every call."""

from __future__ import annotations

from meshgate.effect.changes import (
    NEW_CLIENT,
    OLD_CLIENT,
    CallChange,
    CallState,
    Effect,
    Open,
    Place,
    PortChange,
    PortState,
    Strength,
    Uncovered,
    Unexercised,
    Unsafe,
)
from meshgate.effect.compare import effect
from meshgate.effect.parties import Clients, Edge
from meshgate.effect.terms import Change

__all__ = [
    "NEW_CLIENT",
    "OLD_CLIENT",
    "CallChange",
    "CallState",
    "Change",
    "Clients",
    "Edge",
    "Effect",
    "Open",
    "Place",
    "PortChange",
    "PortState",
    "Strength",
    "Uncovered",
    "Unexercised",
    "Unsafe",
    "effect",
]
