"""What a renderer may take: a few lines of a source can ask for any amount of time and memory."""

from __future__ import annotations

from meshgate.errors import BuildError
from meshgate.process import Completed, Limits

# Seconds.
TIMEOUT = 120.0
# 50,000 objects take 60 MiB of output and less than 1 GiB of memory.
LIMITS = Limits(memory=3 << 30, output=128 << 20)
# What the Go runtime, and a program whose output is cut, say of that.
# The last is what a Go program says where there is no memory for another thread.
TOO_LARGE = (
    "out of memory",
    "cannot allocate memory",
    "file too large",
    "pthread_create failed",
)


def refuse_beyond(done: Completed, limits: Limits, source: str, why: str, hint: str) -> None:
    """Raise BuildError where a program needed more than its limits for `source`, a path."""
    if len(done.stdout) >= limits.output or any(sign in done.stderr for sign in TOO_LARGE):
        raise BuildError(
            f"{source} does not render within {limits.memory >> 30} GiB of memory and "
            f"{limits.output >> 20} MiB of output",
            why=why,
            hint=hint,
        )
