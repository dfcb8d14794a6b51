"""What is kept of inputs changes no answer: whatever changes, the same environments are reached."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from meshgate import config, repository, source
from meshgate.model import Environment
from meshgate.pipeline.affected import affected
from meshgate.pipeline.input_index import InputIndex

FILES = {
    "environments.yaml": "environments:\n"
    "- {name: dev, overlay: overlays/dev}\n"
    "- {name: stage, overlay: overlays/stage}\n"
    "- {name: prod, overlays: [overlays/prod, policies/extra]}\n"
    "- {name: plain, manifests: manifests}\n",
    "policies/base/kustomization.yaml": "resources: [pa.yaml]\n",
    "policies/base/pa.yaml": "kind: PeerAuthentication\n",
    "policies/extra/kustomization.yaml": "resources: [dr.yaml]\n",
    "policies/extra/dr.yaml": "kind: DestinationRule\n",
    "overlays/dev/kustomization.yaml": "resources: [../../policies/base]\n",
    "overlays/stage/kustomization.yaml": "resources: [../../policies/base, ../../shared/link]\n",
    "overlays/prod/kustomization.yaml": "resources: [../../policies/base]\n"
    "patches: [{path: ../../shared/patch.yaml}]\n",
    "shared/one/kustomization.yaml": "resources: []\n",
    "shared/two/kustomization.yaml": "resources: []\n",
    "shared/patch.yaml": "kind: PeerAuthentication\n",
    "manifests/one.yaml": "kind: Service\n",
    ".gitignore": "*.local.yaml\n",
}
# What people do to a repository, some of it to names that kustomizations look for.
NAMES = (
    *(name for name in FILES if name.endswith(".yaml") and name != "environments.yaml"),
    *("policies/base/kustomization.yml", "policies/base/new.yaml", "manifests/two.yaml"),
    *("shared/one/Kustomization", "inventory/dev/shop.yaml", "policies/base/x.local.yaml"),
)
TEXTS = (
    "resources: [pa.yaml]\n",
    "resources: [../../policies/extra]\n",
    "resources: [x.local.yaml]\n",
    "kind: Service\n",
    "as it was",
    None,
)
STEPS = st.tuples(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), min_size=1, max_size=3),
    st.sampled_from(["edit", "edit", "commit", "link"]),
)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, name: str, text: str | None) -> None:
    file = root / name
    if text is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def made(root: Path) -> tuple[Environment, ...]:
    for name, text in FILES.items():
        write(root, name, text)
    (root / "shared/link").symlink_to("one")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "start")
    return config.load(root).environments


def reached(
    root: Path, environments: tuple[Environment, ...], cache: Path | None
) -> tuple[list[str], list[str]]:
    """The environments that a change since HEAD reaches, and the sources that were followed."""
    change = repository.changed(root, "HEAD")
    index = InputIndex(root, cache, change)
    followed: list[str] = []
    real = source.inputs

    def counted(root: Path, sources: str) -> frozenset[str]:
        followed.append(sources)
        return real(root, sources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "inputs", counted)
        names = [each.name for each in affected(root, environments, change.files, index.inputs)]
    index.keep()
    return names, followed


@given(st.lists(STEPS, min_size=1, max_size=4))
@examples(25)
def test_kept_inputs_change_no_answer(steps: list[tuple[list[tuple[str, str]], str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder, "root"), Path(folder, "cache")
        root.mkdir()
        environments = made(root)
        reached(root, environments, cache)
        for edits, what in steps:
            for name, text in edits:
                write(root, name, FILES.get(name) if text == "as it was" else text)
            if what == "link":
                (root / "shared/link").unlink()
                (root / "shared/link").symlink_to("two")
            kept, _ = reached(root, environments, cache)
            change = repository.changed(root, "HEAD")
            assert kept == [each.name for each in affected(root, environments, change.files)]
            if what == "commit":
                git(root, "add", ".")
                git(root, "commit", "-qm", "next", "--allow-empty")


def test_only_what_a_change_reaches_is_followed(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    root.mkdir()
    environments = made(root)
    assert len(reached(root, environments, cache)[1]) == 4

    write(root, "shared/patch.yaml", "kind: Service\n")
    assert reached(root, environments, cache) == (["prod"], [environments[2].sources])

    git(root, "commit", "-qam", "next")
    write(root, "manifests/one.yaml", "kind: Pod\n")
    # Another commit, of which nothing is kept: what the commit before tells of it still holds.
    # `plain` is reached by its folder, and need not be followed.
    assert reached(root, environments, cache) == (["plain"], [environments[2].sources])
    assert reached(root, environments, cache) == (["plain"], [])


def test_what_a_changed_file_led_to_is_not_kept(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    root.mkdir()
    environments = made(root)
    reached(root, environments, cache)
    name = "policies/base/kustomization.yaml"
    write(root, name, "resources: [../../policies/extra]\n")
    assert reached(root, environments, cache)[0] == ["dev", "stage", "prod"]

    write(root, name, FILES[name])
    write(root, "policies/base/pa.yaml", "kind: Service\n")
    assert reached(root, environments, cache)[0] == ["dev", "stage", "prod"]


def test_what_is_cut_short_or_of_another_is_not_believed(tmp_path: Path) -> None:
    root, cache = tmp_path / "root", tmp_path / "cache"
    root.mkdir()
    environments = made(root)
    reached(root, environments, cache)
    every = [file for file in (cache / "inputs").rglob("*") if file.is_file()]
    assert len(every) == 2
    texts = [file.read_bytes() for file in every]
    for file, text in zip(every, texts[::-1], strict=True):
        file.write_bytes(text)
    assert len(reached(root, environments, cache)[1]) == 4

    for file in every:
        file.write_bytes(file.read_bytes()[:-3])
    assert len(reached(root, environments, cache)[1]) == 4
