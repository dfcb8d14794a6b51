"""The Go program beside this file: built once into the user's cache, then asked about meshes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshgate.errors import ToolError
from meshgate.model import JSONObject
from meshgate.process import run

SOURCES = Path(__file__).parent
# Seconds: the first build compiles Istio and its dependencies.
BUILD_TIMEOUT = 3600
# Seconds for one batch; a case takes a fifth of a second.
TIMEOUT = 600
BATCH = 50


def sources() -> list[Path]:
    """What the program is built from, in a fixed order."""
    return sorted([*SOURCES.glob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum"])


def digest() -> str:
    """What tells one version of the sources from another."""
    found = hashlib.sha256()
    for path in sources():
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def program() -> Path:
    """The built program; builds it where the cache has none.

    Raises ToolError where there is no Go, or where it does not build.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "meshgate" / "tools" / f"oracle-{digest()}"
    built = folder / "oracle"
    if built.exists():
        return built
    go = shutil.which("go")
    if go is None:
        raise ToolError(
            "the oracle needs Go, and there is none on PATH",
            why="its program is Istio's own code and is built on first use",
            hint="install Go 1.26 or newer; the committed cases in tests/conformance need none",
        )
    sys.stderr.write("oracle: building the Go program, some minutes the first time\n")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        fresh = Path(scratch) / "oracle"
        done = run(
            [go, "build", "-buildvcs=false", "-o", str(fresh), "."],
            cwd=SOURCES,
            timeout=BUILD_TIMEOUT,
        )
        if done.code:
            raise ToolError(
                "the oracle does not build",
                why=done.stderr.strip(),
                hint="go.mod asks for Go 1.26 and for Istio from the module proxy",
            )
        fresh.replace(built)
    return built


def answers(cases: Iterable[JSONObject], total: int) -> Iterator[JSONObject]:
    """The cases with `expect`, in their order; progress goes to stderr.

    Raises ToolError where the program fails, which names the case.
    """
    binary = program()
    batch: list[JSONObject] = []
    done = 0
    for case in cases:
        batch.append(case)
        if len(batch) == BATCH:
            yield from _batch(binary, batch)
            done += len(batch)
            batch = []
            sys.stderr.write(f"oracle: {done} of {total} cases\n")
    yield from _batch(binary, batch)


def _batch(binary: Path, batch: list[JSONObject]) -> Iterator[JSONObject]:
    """One start of the program a data plane: Istio reads the switch for ambient once."""
    found: dict[str, JSONObject] = {}
    for ambient in (False, True):
        chosen = [case for case in batch if _is_ambient(case) == ambient]
        if not chosen:
            continue
        lines = "".join(json.dumps(case, separators=(",", ":")) + "\n" for case in chosen)
        done = run(
            [str(binary)],
            stdin=lines.encode(),
            environment={"PILOT_ENABLE_AMBIENT": str(ambient).lower()},
            timeout=TIMEOUT,
        )
        if done.code:
            raise ToolError("the oracle failed", why=done.stderr.strip()[-2000:])
        for line in done.stdout.splitlines():
            case = json.loads(line)
            found[case["id"]] = case
    for case in batch:
        yield found[case["id"]]


def _is_ambient(case: JSONObject) -> bool:
    return bool(case["mesh"].get("dataPlane") == "ambient")
