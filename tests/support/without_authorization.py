"""This repository as it was before anybody was kept out by a policy of authorization."""

from __future__ import annotations

from pathlib import Path

import yaml

AUTHORIZATION = "authorizationpolicy-"
# As this repository had it: the one call of the pod without an owner that somebody expects in dev.
ROGUE = """\
- from: boards/rogue
  to: boards.boards.svc.cluster.local:8080
  outcome: ok-plaintext
"""


def without_authorization(root: Path) -> None:
    """Take the policies of authorization out of a copy, and what is expected of them."""
    for file in root.glob("policies/*/kustomization.yaml"):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if AUTHORIZATION not in line]
        file.write_text("".join(kept), encoding="utf-8")
    for file in root.glob(f"policies/*/{AUTHORIZATION}*.yaml"):
        file.unlink()
    for file in root.glob("expectations/*.yaml"):
        listed = yaml.safe_load(file.read_text("utf-8"))["expectations"]
        kept = [each for each in listed if each["outcome"] != "denied"]
        rogue = ROGUE if file.stem == "dev" else ""
        text = "expectations:\n" + yaml.safe_dump(kept, sort_keys=False) + rogue
        file.write_text(text, encoding="utf-8")
