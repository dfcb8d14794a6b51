"""Seeded DestinationRules and PeerAuthentications, as a platform team would write them."""

from __future__ import annotations

import random
from pathlib import Path

from fleet import RULE_BODY

PER_NAMESPACE = 10

DESTINATION_RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: shop
spec:
  host: {name}.{namespace}.svc.cluster.local"""
DESTINATION_RULE += RULE_BODY

PEER_AUTHENTICATION = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: shop
spec:
  selector:
    matchLabels:
      app: {name}
  mtls:
    mode: STRICT
"""


def write(file: Path, count: int, seed: int = 1) -> None:
    """Write `count` objects into one file, two DestinationRules for each PeerAuthentication."""
    chance = random.Random(seed)
    with file.open("w", encoding="utf-8") as stream:
        for number in range(count):
            form = PEER_AUTHENTICATION if number % 3 == 2 else DESTINATION_RULE
            stream.write("---\n")
            stream.write(
                form.format(
                    name=f"service-{number}",
                    namespace=f"team-{number // PER_NAMESPACE}",
                    mode="ISTIO_MUTUAL",
                    connections=chance.randrange(10, 1000),
                )
            )
