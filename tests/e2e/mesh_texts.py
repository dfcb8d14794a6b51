"""MeshConfig in odd spellings: what a real istiod takes it for (`nox -s cluster -- mesh`).

istiod is given each text and asked what it has then. 0 where meshgate reads the same, 1 where not.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e.apiserver import api_server
from e2e.istiod import ROOT, Istiod, istiod
from e2e.processes import every
from meshgate.errors import MeshgateError, ToolError
from meshgate.mesh.unread.mesh_config import (
    authorization_facts,
    normal,
    refused_keys,
    transport_facts,
    unmodelled_keys,
)
from meshgate.model import JSON, JSONObject, MeshFacts

TEXTS = (
    "outboundTrafficPolicy: {}",
    "outboundTrafficPolicy: {mode: 0}",
    "outboundTrafficPolicy: {mode: 1}",
    "enable_auto_mtls: false",
    "enableAutoMtls: null",
    "trust_domain: one\ntrustDomain: other",
    "trustDomain: other\ntrust_domain: one",
    "trust_domain_aliases: [b, a, b]",
    "path_normalization: {normalization: 4}",
    "pathNormalization: {}",
    "discoverySelectors: null",
    "x: &x {mode: REGISTRY_ONLY}\noutboundTrafficPolicy: *x",
    "defaultDestinationRuleExportTo: [b, .]",
    "defaultDestinationRuleExportTo: []",
    "trustDomain: ''",
    "enableAutoMtls: 'false'",
    "outboundTrafficPolicy: REGISTRY_ONLY",
    "trustDomainAliases: old",
)
BEFORE = "before"
# Seconds.
TAKEN, REFUSED = 20.0, 4.0


def read(config: JSONObject) -> dict[str, JSON]:
    """What meshgate reads of a MeshConfig."""
    facts = MeshFacts()
    compared = transport_facts(config, facts, ROOT) | authorization_facts(config, facts)
    return {key: found for key, (_, found) in compared.items()}


def given(running: Istiod, text: str) -> JSONObject:
    """What istiod has after it was given a text, having had another. Raises ToolError."""
    running.mesh.write_text(f"trustDomain: {BEFORE}\n")
    for _ in every(0.1, TAKEN):
        if asked(running).get("trustDomain") == BEFORE:
            break
    else:
        raise ToolError("istiod did not take another MeshConfig")
    running.mesh.write_text(f"{text}\n")
    has = asked(running)
    for _ in every(0.1, REFUSED):
        has = asked(running)
        if has.get("trustDomain") != BEFORE:
            break
    return has


def asked(running: Istiod) -> JSONObject:
    has = running.get("debug/mesh")
    return has if isinstance(has, dict) else {}


def wrong(running: Istiod, text: str) -> str:
    """What meshgate takes a text for otherwise; empty: nothing."""
    has = given(running, text)
    config = normal(yaml.safe_load(text))
    if (has.get("trustDomain") == BEFORE) != bool(refused_keys(config)):
        return f"istiod has {has.get('trustDomain')}, refused here are {refused_keys(config)}"
    if refused_keys(config):
        return ""
    theirs, own = read(has), read(config)
    differing = [key for key in own if own[key] != theirs[key]]
    unmodelled = {*unmodelled_keys(config)}
    return "; ".join(
        f"{key}: {own[key]}, istiod {theirs[key]}" for key in differing if key not in unmodelled
    )


def main() -> int:
    """Give istiod each text."""
    failed = 0
    try:
        with (
            tempfile.TemporaryDirectory(prefix="meshgate-mesh-") as name,
            api_server(Path(name) / "cluster") as cluster,
            istiod(Path(name) / "istiod", cluster) as running,
        ):
            for text in TEXTS:
                problem = wrong(running, text)
                failed += bool(problem)
                print(f"{'no' if problem else 'ok'}  {text!r}{': ' if problem else ''}{problem}")
    except MeshgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print(f"{len(TEXTS)} texts, {failed} wrong")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
