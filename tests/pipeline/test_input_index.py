"""What is kept of inputs changes no answer: whatever changes, the same environments are reached."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changing_repository import FILES, NAMES, TEXTS, git, made, write
from examples import examples
from meshgate import repository, source
from meshgate.model import Environment
from meshgate.pipeline.affected import affected
from meshgate.pipeline.input_index import InputIndex

STEPS = st.tuples(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), min_size=1, max_size=3),
    st.sampled_from(["edit", "edit", "commit", "link"]),
)


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
    every = [file for file in (cache / "tree-inputs").rglob("*") if file.is_file()]
    assert len(every) == 2
    texts = [file.read_bytes() for file in every]
    for file, text in zip(every, texts[::-1], strict=True):
        file.write_bytes(text)
    assert len(reached(root, environments, cache)[1]) == 4

    for file in every:
        file.write_bytes(file.read_bytes()[:-3])
    assert len(reached(root, environments, cache)[1]) == 4
