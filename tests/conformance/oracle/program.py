"""The Go program beside this file: built once into the user's cache, then asked about meshes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance.go_program import GoProgram
from meshgate.errors import ToolError
from meshgate.model import JSONObject
from meshgate.process import run

SOURCES = Path(__file__).parent
# Seconds for one batch; a case takes a fifth of a second.
TIMEOUT = 600
BATCH = 50


def go_program() -> GoProgram:
    """The program, as it is built."""
    return GoProgram(
        "oracle",
        "the oracle",
        SOURCES,
        "Istio's own code",
        "the committed cases in tests/conformance need none",
    )


def answers(cases: Iterable[JSONObject], total: int) -> Iterator[JSONObject]:
    """The cases with `expect`, in their order; progress goes to stderr.

    Raises ToolError where the program fails, which names the case.
    """
    binary = go_program().built()
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
