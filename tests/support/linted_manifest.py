"""A manifest that is weaker than the floor, and how it is linted."""

from __future__ import annotations

import pytest

from meshgate.cli import main

STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
PERMISSIVE = STRICT.replace("STRICT", "PERMISSIVE")
Capture = pytest.CaptureFixture[str]


def lint(*arguments: object) -> int:
    return main(["lint", *map(str, arguments)])
