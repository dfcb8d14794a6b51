"""The ready-made matrices of shards: what their last job writes is what one run writes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from fleet_repository import write_fleet
from promoted import commit, git
from workflows.world import ROOT, Ran, World

EXAMPLES = ROOT / "docs" / "examples" / "shards"
FOLDER = ".github/workflows"
REPORT = "meshgate.sarif"
# As many environments: among 14 are two that cannot be built.
COUNT = 14
SHARDS = 3
# Groups of so many shards, where one matrix calls another.
GROUPS, OF_A_GROUP = 2, 2
MESHGATE = r"(?m)^(  +)(MESHGATE|meshgate): \"meshgate @ .*$"


def shards(made: World, install: Callable[[World], Path]) -> None:
    """`install` gives the wheel that jobs install."""
    made.chapter("The ready-made matrix of shards")
    wheel = install(made)
    numbers = ", ".join(map(str, range(1, SHARDS + 1)))
    narrowed = {r'SHARDS: "16"': f'SHARDS: "{SHARDS}"', r"shard: \[[0-9, ]+\]": f"[{numbers}]"}
    begin(made, {f"{FOLDER}/shards.yml": narrow(made, "github.yml", wheel, narrowed)})
    _merged(made, "shards", [f"part-{number}.json" for number in range(1, SHARDS + 1)])


def nested(made: World, install: Callable[[World], Path]) -> None:
    """A matrix whose jobs call a workflow with a matrix, as more than 256 shards need it."""
    made.chapter("The ready-made matrix of matrices")
    wheel = install(made)
    total = GROUPS * OF_A_GROUP
    before = ", ".join(str(group * OF_A_GROUP) for group in range(GROUPS))
    outer = {r"(?s)before: \[[0-9,\s]+\]": f"[{before}]", r"shards: 512": f"shards: {total}"}
    numbers = ", ".join(map(str, range(1, OF_A_GROUP + 1)))
    files = {
        f"{FOLDER}/nested.yml": narrow(made, "github-nested.yml", wheel, outer),
        f"{FOLDER}/github-group.yml": narrow(
            made, "github-group.yml", None, {r"shard: \[[0-9, ]+\]": f"[{numbers}]"}
        ),
    }
    # Act ends all where a called workflow fails; GitHub runs the last job still.
    begin(made, files, broken=False)
    _merged(made, "nested", [f"part-{number}.json" for number in range(1, total + 1)])


def narrow(made: World, name: str, wheel: Path | None, changes: Mapping[str, str]) -> str:
    """An example that installs this meshgate, in a few shards; each pattern is there once."""
    text = (EXAMPLES / name).read_text("utf-8")
    if wheel is not None:
        text, count = re.subn(MESHGATE, rf'\1\2: "{wheel}"', text)
        made.expect(count > 0, f"{name} says what is installed")
    for pattern, there in changes.items():
        key = re.sub(r"^\(\?s\)", "", pattern).partition(":")[0]
        value = there if there.startswith(key) else f"{key}: {there}"
        text, count = re.subn(pattern, value, text)
        made.expect(count == 1, f"{name} says `{key}` once; here it is {value}")
    return text


def begin(made: World, files: Mapping[str, str], *, broken: bool = True) -> None:
    """A repository of many environments on the forge, with what runs there.

    Some have findings, which the whole fails on and no shard does; a `broken` one fails its shard.
    """
    write_fleet(made.clone, COUNT, broken=broken)
    git(made.clone, "init", "--quiet", "-b", "main")
    commit(made.clone, files, "start")
    git(made.folder, "clone", "--quiet", "--bare", str(made.clone), str(made.origin))
    git(made.clone, "remote", "add", "origin", str(made.origin))


def whole(made: World, *formats: str) -> tuple[int, list[bytes]]:
    """The exit code and the reports of one run over all environments."""
    folder = made.folder / "whole"
    folder.mkdir()
    targets = [folder / name for name in formats]
    asked = [f"--format={name}={target}" for name, target in zip(formats, targets, strict=True)]
    done = subprocess.run(
        [made.python / "bin/meshgate", "validate", *asked],
        cwd=made.clone,
        env={**os.environ, "XDG_CACHE_HOME": str(made.folder / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, [target.read_bytes() for target in targets]


def _merged(made: World, workflow: str, parts: list[str]) -> None:
    """The workflow runs; its parts, its report and how it ends are what they should be."""
    artifacts = made.folder / "artifacts"
    ran = made.act(
        "push",
        workflow,
        made.on_main(),
        code=1,
        environment={"WORKFLOWS_ARTIFACTS": str(artifacts)},
    )
    found = sorted(path.name for path in artifacts.glob("part-*/*"))
    made.expect(found == parts, f"each of {len(parts)} shards leaves its part", ran.out[-3000:])
    code, (report,) = whole(made, "sarif")
    made.expect(
        code == _ended_with(ran), f"the last job ends with {code}, as one run does", ran.out[-3000:]
    )
    made.expect(
        (artifacts / "report" / REPORT).read_bytes() == report,
        "and its report is that of one run, byte for byte",
    )


def _ended_with(ran: Ran) -> int:
    """The exit code of the last step that failed."""
    codes = re.findall(r"exit status (\d+)", ran.out)
    return int(codes[-1]) if codes else 0
