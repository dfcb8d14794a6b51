"""A seeded repository of many small meshes: one base, and an inventory of 50 services for each."""

from __future__ import annotations

import random
from pathlib import Path

from base import write_base
from fleet import DEPLOYMENT, NAMESPACE, SERVICE

NAMESPACES, SERVICES = 10, 5


def write(root: Path, meshes: int, seed: int = 1) -> None:
    """Write so many environments."""
    dice = random.Random(seed)
    write_base(root, "svc-0", "ns-0")
    entries = []
    for number in range(meshes):
        name = f"mesh-{number:04}"
        overlay, inventory = root / "overlays" / name, root / "inventory" / name
        overlay.mkdir(parents=True)
        inventory.mkdir(parents=True)
        (overlay / "kustomization.yaml").write_text(
            "resources: [../../policies/mesh-wide]\n", encoding="utf-8"
        )
        for namespace in range(NAMESPACES):
            text = "---\n".join(_namespace(f"ns-{namespace}", dice))
            (inventory / f"ns-{namespace}.yaml").write_text(text, encoding="utf-8")
        entries.append(f"- {{name: {name}, overlay: overlays/{name}}}\n")
    (root / "environments.yaml").write_text("environments:\n" + "".join(entries), encoding="utf-8")


def _namespace(namespace: str, dice: random.Random) -> list[str]:
    documents = [NAMESPACE.format(namespace=namespace, injection="enabled", team="t0")]
    for service in range(SERVICES):
        documents.append(
            SERVICE.format(
                name=f"svc-{service}",
                namespace=namespace,
                address=f"10.{dice.randrange(256)}.{dice.randrange(256)}.7",
                protocol=dice.choice(("http", "grpc", "tcp")),
            )
        )
        documents.append(
            DEPLOYMENT.format(
                name=f"svc-{service}",
                namespace=namespace,
                version="v1",
                tier="front",
                inject="true",
                patch=dice.randrange(40),
            )
        )
    return documents
