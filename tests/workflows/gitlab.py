"""The ready-made pipeline of GitLab, run by gitlab-ci-local, which takes `parallel` as GitLab does.

Each job has a copy of the repository of its own, with the artifacts of the jobs that it needs.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import npm_packages
from e2e.build import ensure
from promoted import git
from workflows.shards import SHARDS, begin, narrow, whole
from workflows.world import World

PIPELINE = ".gitlab-ci.yml"
# It asks for a method that Node.js has since its version 22.
NEWER_NODE = "data:text/javascript," + quote(
    "Set.prototype.union ??= function (other) { return new Set([...this, ...other]); };"
)
REPORTS = {"gitlab": "gl-code-quality-report.json", "junit": "meshgate.xml"}


def gitlab(made: World, install: Callable[[World], Path]) -> None:
    """`install` gives the wheel that jobs install."""
    made.chapter("The ready-made `parallel` of GitLab")
    ensure(["rsync"])
    program = npm_packages.bring("gitlab-ci-local")
    wheel = install(made)
    begin(
        made,
        {PIPELINE: narrow(made, "gitlab.yml", wheel, {r"parallel: 16": f"parallel: {SHARDS}"})},
    )
    # By these it knows which branch is the default one.
    git(made.clone, "fetch", "--quiet", "origin")
    git(made.clone, "remote", "set-head", "origin", "main")
    git(made.clone, "remote", "set-url", "origin", "git@gitlab.example:shop/policies.git")
    state = made.folder / "state"
    argv = [
        *("node", "--import", NEWER_NODE, str(program), "--force-shell-executor"),
        *("--shell-isolation", "--no-color", "--no-artifacts-to-source"),
        *("--state-dir", os.path.relpath(state, made.clone), "--concurrency", "1"),
    ]
    done = subprocess.run(
        argv,
        cwd=made.clone,
        env={
            **os.environ,
            "PATH": f"{made.python / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(made.folder / "home"),
            "XDG_CACHE_HOME": str(made.folder / "jobs-cache"),
            "PIP_NO_INDEX": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    out = done.stdout[-4000:]
    parts = sorted(path.name for path in state.glob("artifacts/shard*/*"))
    made.expect(
        parts == [f"part-{number}.json" for number in range(1, SHARDS + 1)],
        f"each of {SHARDS} jobs of `parallel` leaves its part",
        out,
    )
    made.expect(
        "part-1.json" not in {path.name for path in made.clone.iterdir()},
        "which reach the last job as artifacts alone",
    )
    code, reports = whole(made, *REPORTS)
    made.expect(
        [f"{code}"] == re.findall(r"(?m)^validate +finished in .* FAIL (\d+) *$", out),
        f"that job runs though a shard has failed, and ends with {code}, as one run does",
        out,
    )
    job = state / "builds" / "validate"
    for (name, file), expected in zip(REPORTS.items(), reports, strict=True):
        made.expect(
            (job / file).read_bytes() == expected,
            f"its report as {name} is that of one run, byte for byte",
        )
