"""A small repository of every kind of source, and what people do to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from meshgate import config
from meshgate.model import Environment

FILES = {
    "environments.yaml": "environments:\n"
    "- {name: dev, overlay: overlays/dev}\n"
    "- {name: stage, overlay: overlays/stage}\n"
    "- {name: prod, overlays: [overlays/prod, policies/extra]}\n"
    "- {name: plain, manifests: manifests}\n",
    "policies/base/kustomization.yaml": "resources: [pa.yaml]\n",
    "policies/base/pa.yaml": "kind: PeerAuthentication\n",
    "policies/extra/kustomization.yaml": "resources: [dr.yaml]\n",
    "policies/extra/dr.yaml": "kind: DestinationRule\n",
    "overlays/dev/kustomization.yaml": "resources: [../../policies/base]\n",
    "overlays/stage/kustomization.yaml": "resources: [../../policies/base, ../../shared/link]\n",
    "overlays/prod/kustomization.yaml": "resources: [../../policies/base]\n"
    "patches: [{path: ../../shared/patch.yaml}]\n",
    "shared/one/kustomization.yaml": "resources: []\n",
    "shared/two/kustomization.yaml": "resources: []\n",
    "shared/patch.yaml": "kind: PeerAuthentication\n",
    "manifests/one.yaml": "kind: Service\n",
    ".gitignore": "*.local.yaml\n",
}
# What people do to a repository, some of it to names that kustomizations look for.
NAMES = (
    *(name for name in FILES if name.endswith(".yaml") and name != "environments.yaml"),
    *("policies/base/kustomization.yml", "policies/base/new.yaml", "manifests/two.yaml"),
    *("shared/one/Kustomization", "inventory/dev/shop.yaml", "policies/base/x.local.yaml"),
)
TEXTS = (
    "resources: [pa.yaml]\n",
    "resources: [../../policies/extra]\n",
    "resources: [x.local.yaml]\n",
    "kind: Service\n",
    "as it was",
    None,
)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, name: str, text: str | None) -> None:
    file = root / name
    if text is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def made(root: Path) -> tuple[Environment, ...]:
    for name, text in FILES.items():
        write(root, name, text)
    (root / "shared/link").symlink_to("one")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "start")
    return config.load(root).environments
