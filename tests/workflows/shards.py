"""The ready-made matrix of shards: what its last job writes is what one run writes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from fleet_repository import write_fleet
from promoted import commit, git
from workflows.world import ROOT, World

EXAMPLE = ROOT / "docs" / "examples" / "shards" / "github.yml"
SHARDS = 3
WORKFLOW = ".github/workflows/shards.yml"
REPORT = "meshgate.sarif"


def shards(made: World, install: Callable[[World], Path]) -> None:
    """`install` gives the wheel that jobs install."""
    made.chapter("The ready-made matrix of shards")
    write_fleet(made.clone, 14, broken=False)
    wheel = install(made)
    text = EXAMPLE.read_text("utf-8")
    numbers = ", ".join(map(str, range(1, SHARDS + 1)))
    for pattern, there in (
        (r"(?m)^  MESHGATE: .*$", f'  MESHGATE: "{wheel}"'),
        (r'SHARDS: "16"', f'SHARDS: "{SHARDS}"'),
        (r"shard: \[[0-9, ]+\]", f"shard: [{numbers}]"),
    ):
        text, count = re.subn(pattern, there, text)
        made.expect(count == 1, f"{EXAMPLE.name} says `{there.split(':')[0].strip()}` once")
    git(made.clone, "init", "--quiet", "-b", "main")
    commit(made.clone, {WORKFLOW: text}, "start")
    git(made.folder, "clone", "--quiet", "--bare", str(made.clone), str(made.origin))
    git(made.clone, "remote", "add", "origin", str(made.origin))
    artifacts = made.folder / "artifacts"
    # The fleet has findings, which the whole fails on and no shard does.
    ran = made.act(
        "push",
        "shards",
        made.on_main(),
        code=1,
        environment={"WORKFLOWS_ARTIFACTS": str(artifacts)},
    )
    parts = sorted(path.name for path in artifacts.glob("part-*/*"))
    made.expect(
        parts == [f"part-{number}.json" for number in range(1, SHARDS + 1)],
        f"each of {SHARDS} shards leaves its part, and none fails",
        ran.out[-3000:],
    )
    found = (artifacts / "report" / REPORT).read_bytes()
    whole = made.folder / REPORT
    done = subprocess.run(
        [made.python / "bin/meshgate", "validate", "--format", f"sarif={whole}"],
        cwd=made.clone,
        env={**os.environ, "XDG_CACHE_HOME": str(made.folder / "cache")},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    made.expect(done.returncode == 1, "one run over all of them fails on findings, too")
    made.expect(found == whole.read_bytes(), "and its report is that of the shards, byte for byte")
