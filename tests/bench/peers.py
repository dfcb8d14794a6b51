"""Other tools of the field, built once into the user's cache, to measure beside."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ISTIO = "v0.0.0-20260827124520-eed52ebb66ad"


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool: the module it is built from. `copy` for a module with replace directives."""

    name: str
    module: str
    version: str
    package: str
    copy: bool = False
    flags: Sequence[str] = ()


PEERS = (
    Peer("istioctl", "istio.io/istio", ISTIO, "istioctl/cmd/istioctl"),
    Peer("conftest", "github.com/open-policy-agent/conftest", "v0.71.1", "."),
    Peer("kyverno", "github.com/kyverno/kyverno", "v1.19.1", "cmd/cli/kubectl-kyverno", copy=True),
)


def built(peer: Peer) -> Path:
    """The peer's program, built now if it was not before. Raises CalledProcessError."""
    folder = cache() / f"{peer.name}-{peer.version}"
    program = folder / peer.name
    if program.is_file():
        return program
    print(f"building {peer.name} {peer.version}, once; this takes minutes", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    if peer.copy:
        build_copy(peer, folder, program)
    else:
        package = peer.module if peer.package == "." else f"{peer.module}/{peer.package}"
        go("install", "-trimpath", f"{package}@{peer.version}", GOBIN=str(folder))
    return program


def build_copy(peer: Peer, folder: Path, program: Path) -> None:
    """Build in a copy of the module: `go install` refuses one with replace directives."""
    told = go("mod", "download", "-json", f"{peer.module}@{peer.version}")
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(json.loads(told)["Dir"], source)
    for path in [source, *source.rglob("*")]:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    go("build", "-mod=mod", "-trimpath", "-o", str(program), f"./{peer.package}", cwd=source)
    shutil.rmtree(source)


def go(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """Run go at low priority and return what it prints. Raises CalledProcessError."""
    return subprocess.run(
        ["nice", "go", *arguments],
        cwd=cwd,
        env={**os.environ, "GOFLAGS": "-buildvcs=false", **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def cache() -> Path:
    """Where built programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "meshgate" / "tools"
