"""What combinations are made of: hosts of the lab, and policies in as few words as possible."""

from __future__ import annotations

from typing import Any, NamedTuple

from e2e.combinations.requests import HttpRequest
from meshes import Object, destination_rule, peer_authentication

BOARDS = "boards.boards.svc.cluster.local"
DATABASE = "boards-db.boards.svc.cluster.local"
HEADLESS = "boards-headless.boards.svc.cluster.local"
MIXED = "mixed.boards.svc.cluster.local"
EVERYTHING = "*.svc.cluster.local"

# Files that the harness puts there: certificates of the mesh, and of a stranger.
OWN, FOREIGN = "{folder}/user", "{folder}/stranger"

MODES = ("STRICT", "PERMISSIVE", "DISABLE")


class Combination(NamedTuple):
    """One row of the proof. `mesh` changes MeshConfig; `steps`: applied a second apart.

    requests  what is asked for at each port, where policies tell requests apart; empty: they do not
    """

    group: str
    title: str
    steps: tuple[tuple[Object, ...], ...]
    mesh: Object
    requests: tuple[HttpRequest, ...] = ()


def peer(place: str, mode: str | None = None, name: str = "default", **spec: Any) -> Object:
    return peer_authentication(name, place, mode, age=None, **spec)


def rule(place: str, host: str, mode: str | None = None, name: str = "rule", **spec: Any) -> Object:
    return destination_rule(name, place, host, mode, age=None, **spec)


def workload(mode: str | None, name: str = "workload", **spec: Any) -> Object:
    return peer("boards", mode, name, selector={"app": "boards"}, **spec)


def one(group: str, title: str, *objects: Object, **mesh: Any) -> Combination:
    return Combination(group, title, (objects,), mesh)


def aged(group: str, title: str, *steps: Object) -> Combination:
    """Objects of different ages, the oldest first."""
    return Combination(group, title, tuple((each,) for each in steps), {})


def mutual(folder: str) -> Object:
    return {
        "mode": "MUTUAL",
        "clientCertificate": f"{folder}/cert-chain.pem",
        "privateKey": f"{folder}/key.pem",
        "insecureSkipVerify": True,
    }


CLIENTS: dict[str, Object] = {
    "DISABLE": {"mode": "DISABLE"},
    "ISTIO_MUTUAL": {"mode": "ISTIO_MUTUAL"},
    "SIMPLE": {"mode": "SIMPLE", "insecureSkipVerify": True},
    "MUTUAL, a certificate of the mesh": mutual(OWN),
    "MUTUAL, a stranger's certificate": mutual(FOREIGN),
}
