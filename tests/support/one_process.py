"""Commands one after the other in one process of their own, in surroundings that tests have not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SCRIPT = """
import contextlib, io, json, sys
from meshgate.cli import main
ended = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as exit:
            code = exit.code
    ended.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def run_all(
    commands: Sequence[Sequence[str]],
    *,
    before: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Ended]:
    """How each command ended, in order; `before` is Python that the process runs first."""
    argv = [sys.executable, "-c", before + SCRIPT, json.dumps(list(map(list, commands)))]
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return [Ended(*each) for each in json.loads(done.stdout)]
