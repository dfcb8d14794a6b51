"""Build the parts of the lab into the user's cache, once, one at a time.

`python tests/e2e/build.py [PART...]`: without names, all of them. What is there is left alone. An
interrupted build goes on where it stopped, since Go keeps what it has compiled.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import resource
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from collections.abc import Iterable, Iterator

from e2e.parts import RECORD, Part, parts
from e2e.recipes import RECIPES
from meshgate.errors import MeshgateError, ToolError
from meshgate.tools import tools_folder


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the cache's lock: two builds side by side want more memory than small machines have."""
    tools_folder().mkdir(parents=True, exist_ok=True)
    with (tools_folder() / ".building").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Progress, for the person who waits."""
    sys.stderr.write(f"parts: {line}\n")
    sys.stderr.flush()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def build(part: Part) -> None:
    """Build one part aside and move it into place. Raises ToolError when that fails."""
    say(f"{part.name} {part.version}: building ({part.recipe} {part.module})")
    began, cpu = time.monotonic(), _cpu()
    if part.recipe == "debian":
        RECIPES[part.recipe](part, Path())
    else:
        with tempfile.TemporaryDirectory(dir=tools_folder(), prefix=f".{part.name}-") as aside:
            folder = Path(aside) / "part"
            folder.mkdir()
            RECIPES[part.recipe](part, folder)
            spent = {
                "wall": round(time.monotonic() - began, 1),
                "cpu": round(_cpu() - cpu, 1),
                "bytes": {name: (folder / name).stat().st_size for name in part.programs},
            }
            (folder / RECORD).write_text(json.dumps(spent, indent=2) + "\n")
            shutil.rmtree(part.folder, ignore_errors=True)
            folder.rename(part.folder)
    say(
        f"{part.name} {part.version}: ready after {time.monotonic() - began:.0f} s "
        f"({_cpu() - cpu:.0f} s of processor time)"
    )


def ensure(names: Iterable[str]) -> None:
    """Have these parts, building what is missing. Raises ToolError when one cannot be had."""
    wanted = dict.fromkeys(names)
    needed = [need for name in wanted if not parts()[name].ready for need in parts()[name].needs]
    missing = [parts()[name] for name in dict.fromkeys([*wanted, *needed])]
    missing = [part for part in missing if not part.ready]
    if not missing:
        return
    # A missing package is told before an hour of compiling, not after it.
    missing.sort(key=lambda part: part.recipe != "debian")
    with one_at_a_time():
        for part in missing:
            if not part.ready:
                build(part)


def main(arguments: list[str]) -> int:
    """0 when every part is there, 4 when one cannot be had."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help="default: every part of pyproject.toml")
    wanted = parser.parse_args(arguments).part or list(parts())
    try:
        unknown = sorted(set(wanted) - set(parts()))
        if unknown:
            raise ToolError(
                f"no such part: {', '.join(unknown)}", hint="known: " + ", ".join(parts())
            )
        ensure(wanted)
    except MeshgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for name in wanted:
        for program in parts()[name].programs:
            sys.stdout.write(f"{parts()[name].program(program)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
