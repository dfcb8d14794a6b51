"""Overlays are rendered by the real kustomize; what does not build is told plainly."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshgate import source
from meshgate.errors import BuildError, MeshgateError
from meshgate.source.build import Build
from meshgate.source.kinds import overlay as overlay_kind
from meshgate.source.kustomize import rendered
from random_overlays import write_overlays
from rendered_overlay import (
    PA,
    overlay,
    refusal,
    script,
)
from written_files import write_files

pytestmark = pytest.mark.sampled(every=2)
ODD_ANNOTATIONS = {
    "odd/kustomization.yaml": "resources: [pa.yaml]\nbuildMetadata: [transformerAnnotations]\n",
    "odd/pa.yaml": "---\n".join(
        PA.replace("default,", f"{name}, annotations: {annotations},")
        for name, annotations in (
            ("none", "{}"),
            ("nothing", "null"),
            ("own", "{a: b}"),
            ("forged", "{config.kubernetes.io/origin: 'path: nowhere.yaml'}"),
            ("both", "{a: b, config.kubernetes.io/origin: 'path: nowhere.yaml'}"),
        )
    ),
}


def test_an_overlay_is_what_kustomize_renders(tmp_path: Path) -> None:
    patch = PA.replace("STRICT", "PERMISSIVE")
    root = overlay(
        tmp_path,
        "resources: [../base]\npatches: [{path: p.yaml}]\n",
        **{"overlay/p.yaml": patch},
    )
    bare = subprocess.run(
        [*source.renderer_argv(), root / "overlay"], check=True, capture_output=True
    ).stdout

    (resource,) = source.render(root, "overlay", cache=None).resources

    assert resource.value == yaml.safe_load(bare)
    assert resource.origin == ("base/pa.yaml", 0)
    assert "annotations" not in resource.metadata


def test_the_judged_folder_is_never_written_to(tmp_path: Path) -> None:
    root = overlay(tmp_path / "root", "resources: [../base]\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert source.render(root, "overlay", cache=None).resources
    finally:
        for folder in folders:
            folder.chmod(0o755)

    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_the_wrapper_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    root = overlay(tmp_path / "root", "resources: [../base]\n")

    source.render(root, "overlay", cache=None)
    refusal(overlay(tmp_path / "broken", "resources: [../base]\nfoo: bar\n"))

    assert list(aside.iterdir()) == []


def test_what_the_outermost_kustomization_alone_decides_is_kept(tmp_path: Path) -> None:
    text = (
        "resources: [../base]\nbuildMetadata: [managedByLabel, transformerAnnotations]\n"
        "patches: [{path: p.yaml}]\n"
    )
    root = overlay(tmp_path, text, **{"overlay/p.yaml": PA})

    (resource,) = source.render(root, "overlay", cache=None).resources

    assert list(resource.labels) == ["app.kubernetes.io/managed-by"]
    assert "annotations" not in resource.metadata


def test_annotations_of_the_author_stay(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\ncommonAnnotations: {a: b}\n")

    (resource,) = source.render(root, "overlay", cache=None).resources

    assert resource.annotations == {"a": "b"}


def test_an_origin_cannot_be_forged(tmp_path: Path) -> None:
    root = overlay(
        tmp_path,
        "resources: [../base]\n"
        "commonAnnotations: {config.kubernetes.io/origin: 'path: ../../../../etc/passwd'}\n",
    )

    (resource,) = source.render(root, "overlay", cache=None).resources

    assert resource.origin == ("base/pa.yaml", 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_is_asked_where_objects_come_from_they_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    folders = [each.relative_to(tmp_path) for each in write_overlays(tmp_path, 12, seed)]
    write_files(tmp_path, ODD_ANNOTATIONS)
    names = [*map(str, folders), "odd"]

    def shown(build: Build) -> object:
        places = [
            each.origin and (each.origin.file, each.origin.document) for each in build.resources
        ]
        return [each.value for each in build.resources], places, build.record

    def built(*, asked: bool) -> dict[str, Build | MeshgateError]:
        monkeypatch.setattr(overlay_kind, "_renames", lambda _: asked)
        return source.render_all(tmp_path, names, cache=None)

    told, found = built(asked=True), built(asked=False)
    assert any(isinstance(each, Build) for each in told.values())
    for name in names:
        one, other = told[name], found[name]
        if isinstance(one, Build):
            assert isinstance(other, Build)
            assert shown(one) == shown(other), name
        else:
            assert str(one) == str(other)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("resources: [../base]\nnamePrefix: a-\n", [False]),
        # A digest of its content is part of its name.
        ("resources: [../base]\nconfigMapGenerator: [{name: a, literals: [b=c]}]\n", [True]),
        # A patch gives it another name.
        (
            (
                "resources: [../base]\n"
                "patches: [{path: p.yaml, options: {allowNameChange: true}, "
                "target: {kind: PeerAuthentication}}]\n"
            ),
            [False, True],
        ),
    ],
)
def test_kustomize_is_asked_for_origins_where_names_do_not_tell_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, asked: list[bool]
) -> None:
    """It compares all objects with each other for that, which takes longer than all else."""
    found: list[bool] = []

    def noted(*arguments: Any, origins: bool) -> Any:
        found.append(origins)
        return rendered(*arguments, origins=origins)

    monkeypatch.setattr(overlay_kind, "rendered", noted)
    renamed = PA.replace("name: default", "name: other")
    root = overlay(tmp_path, text, **{"overlay/p.yaml": renamed})
    source.render(root, "overlay", cache=None)
    assert found == asked


def test_several_overlays_at_once_and_one_of_them_broken(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\n")
    write_files(
        root,
        {
            f"overlays/{number}/kustomization.yaml": (
                f"resources: [../../base]\nnameSuffix: -n{number}\n"
            )
            for number in range(4)
        },
    )
    write_files(root, {"overlays/2/kustomization.yaml": "resources: [../gone]\n"})
    steps: list[int] = []
    wanted = [f"overlays/{number}" for number in range(4)]

    built = source.render_all(root, wanted, cache=None, progress=lambda: steps.append(1))

    assert list(built) == wanted
    assert len(steps) == 4
    for number, name in enumerate(wanted):
        build = built[name]
        if number == 2:
            assert isinstance(build, BuildError)
        else:
            assert isinstance(build, Build)
            assert [r.name for r in build.resources] == [f"default-n{number}"]


def test_an_overlay_that_renders_to_nothing_is_empty(tmp_path: Path) -> None:
    assert (
        source.render(overlay(tmp_path, "resources: []\n"), "overlay", cache=None).resources == []
    )


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("resources: [../gone]\n", "overlay/kustomization.yaml:1:13: ../gone is not there", "path"),
        ("resources: [../base, ../overlay]\n", "overlay does not build", "name each other"),
        (
            "resources: [../base]\nfoo: bar\n",
            "overlay/kustomization.yaml:2:1: overlay does not build",
            "spelling",
        ),
        ("resources: [../base, ../copy]\n", "overlay does not build", "same object"),
        (
            "resources: [../base]\npatches: [{path: p.yaml}]\n",
            "overlay/p.yaml:3:12: overlay does not build",
            "compare",
        ),
        ("resources: [../base, ../ports]\n", "overlay does not build", "quotes"),
        ("resources: [../base/pa.yaml]\n", "overlay does not build", "own folder"),
        ("resources: [../nameless]\n", "overlay does not build", "metadata.name"),
        ("resources: [../base]\npatches: [{path: bad.yaml}]\n", "overlay/bad.yaml:2:", ""),
        ("", "overlay/kustomization.yaml is empty", "resources"),
        ("- a\n", "overlay/kustomization.yaml is not one mapping", "resources"),
        ("resources: [\n", "overlay/kustomization.yaml:2:1: not valid YAML", ""),
    ],
)
def test_errors_are_told_with_a_hint(tmp_path: Path, text: str, what: str, hint: str) -> None:
    root = overlay(tmp_path, text)
    write_files(
        root,
        {
            "copy/kustomization.yaml": "resources: [pa.yaml]\n",
            "copy/pa.yaml": PA,
            "ports/kustomization.yaml": "resources: [x.yaml]\n",
            "ports/x.yaml": "apiVersion: a/v1\nkind: A\nmetadata: {name: a}\nq: {80: x}\n",
            "nameless/kustomization.yaml": "resources: [x.yaml]\n",
            "nameless/x.yaml": "apiVersion: example.com/v1\nkind: A\n",
            "overlay/p.yaml": PA.replace("default", "other"),
            "overlay/bad.yaml": "a: b\n c: [\n",
        },
    )
    error = refusal(root)

    assert isinstance(error, BuildError)
    assert error.what.startswith(what)
    assert hint in error.hint
    assert str(tmp_path) not in str(error)


def test_an_overlay_that_is_not_there(tmp_path: Path) -> None:
    error = refusal(overlay(tmp_path, "resources: [../base]\n"), "overlays/gone")

    assert "overlays/gone" in error.what
    assert "environments.yaml" in error.hint


def test_a_folder_without_and_with_two_kustomizations(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\n", **{"overlay/kustomization.yml": "a: b\n"})
    (tmp_path / "empty").mkdir()

    assert "overlay/kustomization.yaml and overlay/kustomization.yml" in refusal(root).what
    assert "has no kustomization.yaml" in refusal(root, "empty").what


def test_cyclic_bases_end(tmp_path: Path) -> None:
    root = write_files(
        tmp_path,
        {
            "one/kustomization.yaml": "resources: [../two]\n",
            "two/kustomization.yaml": "resources: [../one]\n",
        },
    )
    error = refusal(root, "one")

    assert "cycle" in error.why
    assert "name each other" in error.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pa.yaml", "a: &a [" + "x," * 50 + "]\nb: [" + "*a," * 20_000 + "]\n"),
        ("pa.yaml", "[" * 100_000),
        ("kustomization.yaml", "{a: " * 100_000),
        ("pa.yaml", "kind: !!python/object:os.system {}\n"),
    ],
    ids=["aliases", "deep", "deep-kustomization", "tag"],
)
def test_hostile_sources_never_reach_kustomize(
    tmp_path: Path, programs: Path, name: str, text: str
) -> None:
    script(
        programs / "kustomize", "import sys; sys.exit('v5.8.2' if 'version' in sys.argv else 'ran')"
    )
    root = overlay(tmp_path, "resources: [../base]\n", **{f"base/{name}": text})

    error = refusal(root)

    assert error.what.startswith(f"base/{name}:")
    assert "ran" not in str(error)


def test_patches_that_double_an_object_again_and_again(tmp_path: Path, programs: Path) -> None:
    script(programs / "kustomize", "print('v5.8.2')")
    copy = "- {op: copy, from: /spec, path: /spec/a}\n"
    root = overlay(
        tmp_path,
        "resources: [../base]\npatches:\n- {path: a.yaml, target: {name: default}}\n"
        f"- target: {{name: default}}\n  patch: '[{', '.join([copy[2:-1]] * 7)}]'\n",
        **{"overlay/a.yaml": copy * 7},
    )

    assert "JSON patches copy 14 times" in refusal(root).what


def test_endless_layers_end(tmp_path: Path) -> None:
    files = {f"{n}/kustomization.yaml": f"resources: [../{n + 1}]\n" for n in range(500)}
    root = write_files(tmp_path, {**files, "500/kustomization.yaml": "resources: []\n"})

    assert "more than 50 layers" in refusal(root, "0").what


def test_a_huge_source_is_refused_unread(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\n")
    with (root / "base/pa.yaml").open("wb") as stream:
        stream.truncate(200 * 2**20)

    assert "base/pa.yaml is larger than 20 MiB" in refusal(root).what


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\n")
    (root / "base/pa.yaml").unlink()
    os.mkfifo(root / "base/pa.yaml")

    assert "no regular file" in refusal(root).what
