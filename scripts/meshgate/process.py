"""The only place that starts another program: list argv, timeout, captured output, no shell."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import interrupts
from meshgate.errors import ToolError

ERROR_TAIL = 2000


class Completed(NamedTuple):
    """What a program left behind. `code` is negative when a signal ended it."""

    code: int
    stdout: bytes
    stderr: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program to its end.

    `timeout` in seconds; `environment` is added to the inherited one, from which git's own
    variables are removed (a hook's GIT_DIR would redirect every git that is started).
    Raises ToolError when the program is missing, is ended by a signal or does not end in time,
    KeyboardInterrupt when this process is interrupted, or only the program was by Ctrl-C.
    """
    interrupts.check()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            env={**inherited, **(environment or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolError(
            f"cannot start {argv[0]}: {error.strerror}",
            hint="install it, or run `nox -s tools` to get the pinned version",
        ) from error
    except OSError as error:
        raise ToolError(f"cannot start {argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            f"{argv[0]} did not end within {timeout:g} seconds and was stopped",
            hint="run it by hand to see where it hangs: " + " ".join(argv),
        ) from error
    if done.returncode == -signal.SIGINT:
        # The terminal sends Ctrl-C to both, and the program may be gone before it is seen here.
        raise KeyboardInterrupt
    stderr = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        raise ToolError(
            f"{argv[0]} was ended by signal {-done.returncode}",
            why=stderr[-ERROR_TAIL:].strip(),
            hint="memory may have run out; run it by hand: " + " ".join(argv),
        )
    return Completed(done.returncode, done.stdout, stderr)
