"""What is wrong in a configuration file is refused with its place and the way out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from full_configuration import (
    swap,
    write_configuration,
)
from meshgate import config
from meshgate.errors import UsageError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write_configuration(tmp_path)


def write(text: str | bytes, file: str = "environments.yaml") -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / file).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def link(file: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / file
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
        path.symlink_to(target)

    return change


def waivers_as_a_file(root: Path) -> None:
    shutil.rmtree(root / "waivers")
    (root / "waivers").touch()


REFUSED = {
    "unknown-key": (
        swap("    ring: 2", "    rings: 2"),
        "environments.yaml:17:5: environments[2].rings: unknown field `rings`",
        "did you mean `ring`?",
    ),
    "misspelt-required-key": (
        swap("overlay: overlays/dev", "overlai: overlays/dev"),
        "environments[0].overlai: unknown field `overlai`",
        "did you mean `overlay`?",
    ),
    "key-like-no-other": (
        swap("supersede: close", "zzz: close"),
        "environments.yaml:44:1: zzz: unknown field `zzz`",
        "the fields here are `defaults`, `environments`, `gates`, `links`, `paused`,",
    ),
    "missing-key": (
        swap("    overlay: overlays/dev\n", ""),
        "environments.yaml:2:5: environments[0]: `overlay` is missing",
        "",
    ),
    "duplicate-key": (
        swap("mode: pinned", "mode: pinned\n    mode: floating"),
        "environments.yaml:10:5: the key 'mode' is here twice",
        "remove one of them",
    ),
    "number-where-text-is-meant": (
        swap('istio: "1.30"', "istio: 1.30"),
        "environments.yaml:19:7: environments[2].mesh.istio: is 1.3, must be a string",
        'quote it: "1.3"',
    ),
    "text-where-truth-is-meant": (
        swap("enableAutoMtls: false", "enableAutoMtls: no"),
        'environments[2].mesh.enableAutoMtls: is "no", must be true or false',
        "",
    ),
    "mode-in-lower-case": (
        swap("mtls: PERMISSIVE", "mtls: permissive"),
        'environments[2].require.mtls: is "permissive"',
        "did you mean `PERMISSIVE`? Allowed: `STRICT`, `PERMISSIVE` and `DISABLE`",
    ),
    "name-that-is-no-label": (
        swap("name: dev", "name: Dev_1"),
        'environments.yaml:2:5: environments[0].name: "Dev_1" does not match',
        "Lower-case letters, digits and hyphens.",
    ),
    "rule-id-that-is-none": (
        swap("{PA012: error}", "{permissive-mode: error}"),
        '"permissive-mode" does not match',
        "",
    ),
    "severity-that-lowers": (
        swap("{PA012: error}", "{PA012: info}"),
        'environments[2].severities.PA012: is "info"',
        "",
    ),
    "after-an-unknown-environment": (
        swap("after: [dev]", "after: [dve]"),
        "environments.yaml:6:13: there is no environment 'dve'",
        "did you mean `dev`?",
    ),
    "after-any-of-an-unknown-environment": (
        swap("{any: [dev, canary]}", "{any: [dev, x]}"),
        "environments.yaml:10:24: there is no environment 'x'",
        "known: dev, canary, prod",
    ),
    "after-in-a-circle": (
        swap("overlays/dev\n", "overlays/dev\n    after: [prod]\n"),
        "`after` leads round in a circle: dev after prod after canary after dev",
        "remove one of these",
    ),
    "after-itself": (
        swap("after: [dev]", "after: [canary]"),
        "canary after canary",
        "remove one of these",
    ),
    "name-used-twice": (
        swap("name: canary", "name: dev"),
        "environments.yaml:4:5: environments has 'dev' twice",
        "",
    ),
    "unknown-gate": (
        swap("gates: [quiet, open]", "gates: [quite]"),
        "environments.yaml:13:13: there is no gate 'quite'",
        "did you mean `quiet`?",
    ),
    "unknown-window": (
        swap("windows: [office]", "windows: [offices]"),
        "there is no window 'offices'",
        "did you mean `office`?",
    ),
    "window-for-an-unknown-environment": (
        swap("environments: [prod]", "environments: [production]"),
        "there is no environment 'production'",
        "did you mean `prod`?",
    ),
    "window-without-its-end": (
        swap(", to: 2027-01-04T00:00", ""),
        "windows[1]: `to` is missing",
        "",
    ),
    "overlay-missing": (
        swap("overlays/dev", "overlays/de"),
        "environments.yaml:3:5: the overlay 'overlays/de' is no folder",
        "kustomization.yaml",
    ),
    "overlay-out-of-the-repository": (
        swap("overlays/dev", "overlays/../../dev"),
        "the overlay 'overlays/../../dev' is not inside this repository",
        "relative to environments.yaml",
    ),
    "overlay-with-an-absolute-path": (
        swap("overlays/dev", "/etc"),
        "the overlay '/etc' is not inside this repository",
        "relative to environments.yaml",
    ),
    "overlay-that-is-the-repository": (
        swap("overlays/dev", "."),
        "the overlay '.' is the whole repository",
        "move the manifests into a folder of their own",
    ),
    "overlay-linked-out-of-the-repository": (
        link("overlays/dev", "/etc"),
        "the overlay 'overlays/dev' is not inside this repository",
        "relative to environments.yaml",
    ),
    "no-environments": (write("environments: []"), "lists no environment", "add an entry"),
    "null-environments": (write("environments:"), "lists no environment", "add an entry"),
    "empty-file": (write("# nothing\n"), "lists no environment", "add an entry"),
    "list-at-the-top": (write("- dev\n"), 'the file: is ["dev"], must be a mapping', ""),
    "no-yaml": (write("environments: [\n"), "environments.yaml:2:1: not valid YAML", ""),
    "control-character": (write(b"environments:\n - name: a\x07\n"), "not valid YAML", ""),
    "binary-file": (write(b"\x89PNG\r\n\xff"), "is not UTF-8 text", "must be saved as UTF-8"),
    "second-document": (
        swap("gates:\n", "---\ngates:\n"),
        "a second document",
        "remove `---`",
    ),
    "tag": (
        write("environments: !!python/object/apply:os.system [ls]\n"),
        "environments.yaml:1:15: the tag",
        "remove the tag",
    ),
    "deep-flow": (write("environments: " + "[" * 9999), "nested deeper than 100 levels", ""),
    "deep-block": (write("environments:\n" + "- " * 9999), "nested deeper than 100 levels", ""),
    "key-that-is-a-list": (write("? [a]\n: b\n"), "a key that is not text", ""),
    "unknown-anchor": (write("environments: *a\n"), "found undefined alias", ""),
    "alias-bomb": (
        write(
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
        ),
        "aliases expand to too many values",
        "",
    ),
    "link-out-of-the-repository": (
        link("waivers/prod.yaml", "/etc/passwd"),
        "waivers/prod.yaml is a link that leads out of this repository",
        "replace it by a file",
    ),
    "waivers-of-no-environment": (
        lambda root: (root / "waivers/prod.yaml").rename(root / "waivers/prd.yaml"),
        "waivers/prd.yaml belongs to no environment",
        "rename it to prod.yaml",
    ),
    "expectations-with-another-suffix": (
        lambda root: (root / "expectations/dev.yaml").rename(root / "expectations/dev.yml"),
        "expectations/dev.yml belongs to no environment",
        "rename it to dev.yaml",
    ),
    "waivers-that-are-a-file": (
        waivers_as_a_file,
        "waivers is no folder",
        "",
    ),
    "waiver-without-owner": (
        swap("    owner: team-boards\n", "", "waivers/prod.yaml"),
        "waivers/prod.yaml:2:5: waivers[0]: `owner` is missing",
        "",
    ),
    "waiver-on-a-day-that-is-none": (
        swap("2026-12-31", "2026-02-30", "waivers/prod.yaml"),
        'waivers/prod.yaml:7:5: waivers[0].expires: is "2026-02-30", which is no date',
        "YYYY-MM-DD",
    ),
    "waiver-for-ever": (
        swap("2026-12-31", "never", "waivers/prod.yaml"),
        'waivers[0].expires: is "never", which is no date',
        "YYYY-MM-DD",
    ),
    "waiver-for-no-object": (
        swap("PeerAuthentication/boards/metrics", "boards", "waivers/prod.yaml"),
        'waivers[0].resource: "boards" does not match',
        "Kind/namespace/name",
    ),
    "null-waivers": (
        write("waivers:\n", "waivers/prod.yaml"),
        "waivers/prod.yaml:1:1: waivers: has no value, must be a list",
        "write [] for none",
    ),
    "outcome-that-is-none": (
        swap("refused", "refuse", "expectations/dev.yaml"),
        'expectations/dev.yaml:2:68: expectations[0].outcome: is "refuse"',
        "did you mean `refused`?",
    ),
    "port-that-is-none": (
        swap(":8080", ":99999", "expectations/dev.yaml"),
        "99999 is no port",
        "HOST:PORT",
    ),
    "workload-without-namespace": (
        swap("boards/rogue", "rogue", "expectations/dev.yaml"),
        'expectations[0].from: "rogue" does not match',
        "NAMESPACE/WORKLOAD",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_refused_with_its_place_and_the_way_out(situation: str, repository: Path) -> None:
    change, what, hint = REFUSED[situation]
    change(repository)

    with pytest.raises(UsageError) as caught:
        config.load(repository)

    assert what in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_the_repository_of_these_cases_is_accepted(repository: Path) -> None:
    """The control of the test above: without a change nothing is refused."""
    assert len(config.load(repository).environments) == 3


def test_many_problems_are_told_at_once(repository: Path) -> None:
    text = (repository / "environments.yaml").read_text().replace("overlay:", "overlai:")
    (repository / "environments.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.load(repository)

    lines = str(caught.value).splitlines()
    assert ["unknown field `overlai`" in line for line in lines] == [True] * 3
