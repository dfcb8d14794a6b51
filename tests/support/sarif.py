"""The schema of SARIF 2.1.0, as OASIS publishes it."""

from __future__ import annotations

from places import TESTS

SARIF_SCHEMA = TESTS / "sarif-schema-2.1.0.json"
