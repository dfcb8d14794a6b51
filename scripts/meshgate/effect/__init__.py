"""What a change does to real calls: two meshes compared, without listing every call."""

from __future__ import annotations

from meshgate.effect.changes import (
    NEW_CLIENT,
    NEW_ROUTES,
    OLD_CLIENT,
    OLD_ROUTES,
    CallChange,
    CallState,
    Effect,
    EndpointName,
    PortChange,
    PortState,
    Strength,
    Uncovered,
    UndecidedPolicy,
    Unexercised,
    Unsafe,
)
from meshgate.effect.clients import Clients, KnownCall
from meshgate.effect.closures import Closure
from meshgate.effect.compare import effect
from meshgate.effect.verdicts import BREAKING, Change

__all__ = [
    "BREAKING",
    "NEW_CLIENT",
    "NEW_ROUTES",
    "OLD_CLIENT",
    "OLD_ROUTES",
    "CallChange",
    "CallState",
    "Change",
    "Clients",
    "Closure",
    "Effect",
    "EndpointName",
    "KnownCall",
    "PortChange",
    "PortState",
    "Strength",
    "Uncovered",
    "UndecidedPolicy",
    "Unexercised",
    "Unsafe",
    "effect",
]
