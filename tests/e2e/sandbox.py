"""A world of its own for the lab, which ends with the harness however that ends.

The harness runs once more as the first process of new network, mount and process namespaces: what
it starts can reach nothing but what it made, and when it is gone the kernel ends every process,
interface and firewall rule of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from e2e.build import ensure
from meshgate.errors import MeshgateError, ToolError
from meshgate.process import run

# Tells the harness that it is inside, and where it may write.
FOLDER = "MESHGATE_LAB"
NAMESPACES = ("--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
PROBE_TIMEOUT = 30.0
# Seconds for an orderly end after Ctrl-C, before the kernel does it.
GRACE = 20.0


def inside() -> Path | None:
    """The lab's folder where this process runs in a sandbox, else None."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def require() -> None:
    """Raise ToolError where this machine or user cannot make the namespaces of a lab."""
    if os.geteuid() != 0:
        raise ToolError(
            "the lab needs root",
            why="it makes network namespaces, and redirects their traffic into Envoys",
            hint="run it as root on a machine of your own, or in a privileged container",
        )
    for name in ("unshare", "setpriv", "nsenter", "curl"):
        if shutil.which(name) is None:
            package = "curl" if name == "curl" else "util-linux"
            raise ToolError(
                f"the lab needs {name}, and there is none on PATH",
                hint=f"apt-get install --no-install-recommends {package}",
            )
    done = run(["unshare", *NAMESPACES, "true"], timeout=PROBE_TIMEOUT)
    if done.code != 0:
        raise ToolError(
            "the lab cannot make namespaces on this machine",
            why=done.stderr.strip(),
            hint="it needs network, mount and process namespaces, with the rights to make them",
        )


def enter(argv: Sequence[str]) -> int:
    """Run `argv` as the first process of a sandbox; its exit code. Raises KeyboardInterrupt."""
    folder = Path(tempfile.mkdtemp(prefix="meshgate-lab-"))
    # Envoys and the forge run as users of their own.
    folder.chmod(0o755)
    process: subprocess.Popen[bytes] | None = None
    try:
        with _terminable():
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, *argv],
                env={**os.environ, FOLDER: str(folder)},
            )
            return process.wait()
    finally:
        if process is not None:
            _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C reached the inside too: let it end, then leave the rest to the kernel."""
    try:
        process.wait(GRACE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


@contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM what Ctrl-C is."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def furnish(folder: Path) -> None:
    """Inside: private /run, hosts file and resolver, so that nothing of the machine is touched."""
    hosts, nameless = folder / "hosts", folder / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n")
    nameless.write_text("")
    _run("mount", "-t", "tmpfs", "lab", "/run")
    Path("/run/netns").mkdir()
    _run("mount", "--bind", str(hosts), "/etc/hosts")
    if (resolver := Path("/etc/resolv.conf").resolve()).exists():
        _run("mount", "--bind", str(nameless), str(resolver))
    _run("ip", "link", "set", "lo", "up")


def name_hosts(folder: Path, hosts: dict[str, str]) -> None:
    """Inside: what names lead to, for every process. The file is bound: it is written in place."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in hosts.items())]
    (folder / "hosts").write_text("\n".join(lines) + "\n")


def _run(*argv: str) -> None:
    done = run(argv, timeout=PROBE_TIMEOUT)
    if done.code != 0:
        raise ToolError(f"{' '.join(argv)} failed", why=done.stderr.strip())


def again(arguments: Sequence[str]) -> list[str]:
    """The command that is this one."""
    return [sys.executable, str(Path(sys.argv[0]).resolve()), *arguments]


def lead(
    arguments: Sequence[str], parts: Sequence[str], play: Callable[[Path, list[str]], int]
) -> int:
    """Run `play` in a sandbox, with these parts built: the exit code of a harness.

    That of the error where one keeps the lab from running; 130 after Ctrl-C.
    """
    try:
        folder = inside()
        if folder is not None:
            return play(folder, list(arguments))
        require()
        ensure(parts)
        return enter(again(arguments))
    except MeshgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
