"""Workers write what kustomize writes, whatever they have rendered before."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import ToolError
from meshgate.process import Limits, run
from meshgate.source import render_worker
from meshgate.source.render_worker import RenderWorkers
from places import REPOSITORY
from random_overlays import write_overlays
from samples import sample

pytestmark = pytest.mark.sampled(every=2)

# `nox -s renders` makes 2,000.
COUNT = int(os.environ.get("RENDERS") or sample(20, 8))
LIMITS = Limits(3 << 30, 128 << 20)
TIMEOUT = 60.0


def lines_of_errors(text: str) -> list[str]:
    """What a program says of an error, without times and advice that it writes beside it."""
    return [line for line in text.splitlines() if line.startswith("Error:")]


@pytest.mark.sampled
def test_in_any_order_they_write_what_one_program_for_each_writes(
    tmp_path: Path, kustomize: Path, render_worker_program: Path
) -> None:
    folders = write_overlays(tmp_path, COUNT, seed=COUNT)
    alone = {folder: run([str(kustomize), "build", str(folder)], timeout=60) for folder in folders}
    assert {done.code for done in alone.values()} == {0, 1}

    for seed in (1, 2):
        random.Random(seed).shuffle(folders)
        with RenderWorkers(str(render_worker_program), {}, LIMITS) as workers:
            for folder in folders:
                done = workers.build(folder, TIMEOUT)
                assert done is not None
                expected = alone[folder]
                assert (done.code, done.stdout) == (expected.code, expected.stdout), folder
                assert lines_of_errors(done.stderr) == lines_of_errors(expected.stderr)


def test_a_worker_that_took_the_schema_of_an_overlay_renders_nothing_else(
    tmp_path: Path, render_worker_program: Path
) -> None:
    """Kustomize keeps an `openapi` of a kustomization for its process."""
    _, plain, owned = write_overlays(tmp_path, 3, seed=0)
    (plain / "kustomization.yaml").write_text(FLEET, "utf-8")
    (owned / "kustomization.yaml").write_text(f"{FLEET}openapi: {{path: schema.json}}\n", "utf-8")
    (owned / "schema.json").write_text(SCHEMA, "utf-8")

    with RenderWorkers(str(render_worker_program), {}, LIMITS) as workers:
        first, merged, again = (workers.build(each, TIMEOUT) for each in (plain, owned, plain))

    assert first is not None
    assert merged is not None
    assert first == again
    assert b"name: one" not in first.stdout
    assert b"name: one" in merged.stdout


def test_a_worker_is_replaced_after_some_jobs(
    monkeypatch: pytest.MonkeyPatch, render_worker_program: Path
) -> None:
    monkeypatch.setattr(render_worker, "MOST_JOBS", 2)
    with RenderWorkers(str(render_worker_program), {}, LIMITS) as workers:
        results = [workers.build(REPOSITORY / "overlays" / "prod", TIMEOUT) for _ in range(5)]

    assert all(result == results[0] for result in results)
    assert results[0] is not None


def test_an_output_beyond_its_limit_is_an_error(render_worker_program: Path) -> None:
    with RenderWorkers(str(render_worker_program), {}, Limits(3 << 30, 1000)) as workers:
        done = workers.build(REPOSITORY / "overlays" / "prod", TIMEOUT)

    assert done is not None
    assert (done.code, done.stdout) == (1, b"")
    assert "file too large" in done.stderr


@pytest.mark.parametrize("ends", ["exit 1", "echo no answer", "read job; exit 0"])
def test_where_a_worker_fails_a_program_renders(ends: str, tmp_path: Path) -> None:
    program = script(tmp_path, ends)
    with RenderWorkers(str(program), {}, LIMITS) as workers:
        assert workers.build(REPOSITORY / "overlays" / "prod", TIMEOUT) is None


def test_where_there_is_none_a_program_renders(tmp_path: Path) -> None:
    with RenderWorkers(str(tmp_path / "nowhere"), {}, LIMITS) as workers:
        assert workers.build(tmp_path, TIMEOUT) is None


def test_one_that_hangs_is_stopped(tmp_path: Path) -> None:
    program = script(tmp_path, "exec sleep 60")
    with (
        RenderWorkers(str(program), {}, LIMITS) as workers,
        pytest.raises(ToolError, match=r"did not end within 0\.2 seconds"),
    ):
        workers.build(tmp_path, 0.2)


@pytest.mark.usefixtures("render_worker_program")
def test_many_overlays_are_rendered_the_same_with_workers_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the errors: the one overlay that does not build is the same one, for the same reason."""
    overlays = [f"overlays/{number}" for number in range(6)]
    for overlay in overlays:
        shutil.copytree(REPOSITORY / "overlays" / "prod", tmp_path / overlay)
    shutil.copytree(REPOSITORY / "policies", tmp_path / "policies")
    broken = tmp_path / overlays[-1] / "kustomization.yaml"
    broken.write_text("resources: [../../policies/boards]\nnamePrfix: a\n", "utf-8")

    def build() -> dict[str, object]:
        built = source.render_all(tmp_path, overlays, cache=None)
        return {
            name: str(each) if isinstance(each, Exception) else [r.value for r in each.resources]
            for name, each in built.items()
        }

    with_workers = build()
    monkeypatch.setattr("meshgate.source.build.workers_program", lambda: None)
    assert build() == with_workers
    assert isinstance(with_workers["overlays/5"], str)
    assert "namePrfix" in with_workers["overlays/5"]


def script(folder: Path, line: str) -> Path:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
    program.chmod(0o755)
    return program


FLEET = """\
resources: [../base]
patches:
  - patch: |
      apiVersion: example.com/v1
      kind: Fleet
      metadata: {name: fleet}
      spec: {ships: [{name: two, size: 7}]}
"""
SCHEMA = """\
{"definitions": {"example.com.v1.Fleet": {"type": "object",
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Fleet"}],
  "properties": {"spec": {"type": "object", "properties": {"ships": {"type": "array",
    "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge",
    "items": {"type": "object", "properties": {"name": {"type": "string"}}}}}}}}}}
"""
