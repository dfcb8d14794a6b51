"""Policies of the shop, for tests of what findings say to do."""

from __future__ import annotations

from typing import Any

from authorization_cases import SECURITY, findings
from meshes import (
    Object,
    shop_inventory,
    thing,
)
from meshgate.rules.context import Context

SHOP = shop_inventory()


def policy(name: str = "p", place: str = "b", **spec: Any) -> Object:
    return thing(SECURITY, "AuthorizationPolicy", name, place, spec=spec)


def source(**fields: list[str]) -> Object:
    return {"from": [{"source": fields}]}


def operation(**fields: list[str]) -> Object:
    return {"to": [{"operation": fields}]}


def on(app: str) -> Object:
    return {"matchLabels": {"app": app}}


def only(rule: str, given: Context) -> Any:
    (found,) = findings(rule, given)
    return found
