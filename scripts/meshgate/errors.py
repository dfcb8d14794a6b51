"""Every error that ends a run: what happened, why, and the way out; one exit code each."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

# The code of a run over several environments is the first of these that applies to any.
GRAVEST_FIRST = (70, 11, 4, 2, 7, 3, 6, 5, 8, 10, 1, 9)


def one_line(text: str) -> str:
    """The text on one line: what it quotes may hold line breaks, and a log would obey the next."""
    return " ".join(text.splitlines()) if len(text.splitlines()) > 1 else text


class MeshgateError(Exception):
    """Base of the errors a person can act on."""

    exit_code = 70

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        what = one_line(what)
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(self.why)
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(MeshgateError):
    """The command line or a configuration file is wrong."""

    exit_code = 2


class BuildError(MeshgateError):
    """An overlay does not build, or a file cannot be read as YAML."""

    exit_code = 3


class SourcesError(BuildError):
    """The sources of an environment have error findings, so that it is not built."""

    exit_code = 1


class ToolError(MeshgateError):
    """A needed program is missing, has the wrong version, crashed or did not end."""

    exit_code = 4


class NothingToCheckError(MeshgateError):
    """There is nothing to judge, which is never a pass."""

    exit_code = 5


class SchemaMissingError(MeshgateError):
    """An allowed kind has no schema."""

    exit_code = 6


class RepositoryError(MeshgateError):
    """Git or the forge failed."""

    exit_code = 7


class ServiceError(MeshgateError):
    """A server that was asked did not answer, refused, or made no sense: Prometheus, Kubernetes."""

    exit_code = 7


class RefusedError(MeshgateError):
    """A guard refuses a promotion."""

    exit_code = 8


class NothingToPromoteError(MeshgateError):
    """There is nothing to promote: not a failure, and not a promotion."""

    exit_code = 9


class WaitingError(MeshgateError):
    """A gate has not opened yet."""

    exit_code = 10


class IntegrityError(MeshgateError):
    """What promotion wrote is not what is there; `fault` says it without the file's name."""

    exit_code = 11

    def __init__(self, what: str, *, file: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(f"{file}: {what}" if file else what, why=why, hint=hint)
        self.file = file
        self.fault = what


class RuleError(MeshgateError):
    """A rule raised: a fault of meshgate, never a pass."""

    exit_code = 70


def gravest(codes: Iterable[int]) -> int:
    """The exit code of a run whose parts end with these codes; 0 for none."""
    return min(filter(None, codes), key=GRAVEST_FIRST.index, default=0)


def missing_libraries(*libraries: str, use: str) -> ToolError:
    """The error of a part whose optional libraries are not installed; `use` is what asks for them.

    Libraries are named by what an index calls them, since meshgate itself need not come from one.
    """
    names = " and ".join(libraries)
    are, them = ("are", "them") if len(libraries) > 1 else ("is", "it")
    return ToolError(
        f"{names} {are} not installed",
        why=f"{use} needs {them}; nothing else does.",
        hint=f"install {them} beside meshgate: `{install_beside(*libraries)}`",
    )


def install_beside(*libraries: str) -> str:
    """The command that installs libraries where this meshgate finds them.

    Each installer leaves a mark: pex sets a variable, pipx and uv write a file into the environment
    that they made, and an environment of uv's has no pip.
    """
    names = " ".join(libraries)
    environment = Path(sys.prefix)
    if program := os.environ.get("PEX"):
        folder = '"$PWD/meshgate-libraries"'
        run = f"PEX_EXTRA_SYS_PATH={folder} python3 {shlex.quote(program)}"
        return f"python3 -m pip install --target {folder} {names} && {run}"
    if (environment / "pipx_metadata.json").exists():
        return f"pipx inject meshgate {names}"
    python = shlex.quote(sys.executable)
    if (environment / "uv-receipt.toml").exists() or find_spec("pip") is None:
        return f"uv pip install --python {python} {names}"
    return f"{python} -m pip install {names}"
