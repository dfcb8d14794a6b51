"""A remote base pinned by a full commit id is built from the copy that the repository keeps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from meshgate import source
from meshgate.errors import BuildError
from meshgate.source.vendored import Copies, pinned_to
from meshgate.yamldoc.files import Root
from written_files import write_files

pytestmark = pytest.mark.sampled(every=2)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
URL = "https://git.example.com/org/repo"
COPY = "policies/vendor/repo"
OVERLAY = "overlays/prod"
PA = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
FILES = {
    "deploy/kustomization.yaml": "resources: [../base, ns.yaml]\n",
    "deploy/ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    "base/kustomization.yaml": "resources: [pa.yaml]\n",
    "base/pa.yaml": PA,
    "README.md": "What nobody builds.\n",
}


def digest(copy: Path) -> str:
    """The digest as the page of RE006 tells people to take it."""
    command = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    done = subprocess.run(command, shell=True, cwd=copy, check=True, capture_output=True)
    return done.stdout.decode().split()[0]


def repository(root: Path, reference: str = f"{URL}//deploy?ref={COMMIT}", **stated: str) -> Path:
    write_files(root / COPY, FILES)
    entry = {
        "url": URL,
        "commit": COMMIT,
        "folder": f"../../{COPY}",
        "sha256": digest(root / COPY),
        **stated,
    }
    overlay = {"resources": ["own.yaml", reference], "patches": [{"path": "p.yaml"}]}
    write_files(
        root / OVERLAY,
        {
            "kustomization.yaml": yaml.safe_dump(overlay),
            "own.yaml": PA.replace("shop", "bank"),
            "p.yaml": PA.replace("STRICT", "PERMISSIVE"),
            "vendored.yaml": yaml.safe_dump({"vendored": [entry]}),
        },
    )
    return root


def refusal(root: Path) -> tuple[str, str]:
    """What is wrong with the only defect, and the way out."""
    (defect,) = source.survey(root, OVERLAY)
    assert defect.kind == "remote-reference"
    with pytest.raises(BuildError):
        source.render(root, OVERLAY, cache=None)
    return defect.why, defect.hint


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        (f"{URL}//deploy?ref={COMMIT}", URL),
        (f"{URL}//deploy/?ref={COMMIT}&submodules=false", URL),
        (f"github.com/org/repo/deploy?version={COMMIT}", "github.com/org/repo"),
        (f"git@github.com:org/repo.git//deploy?ref={COMMIT}", "git@github.com:org/repo.git"),
        (
            f"git::ssh://git.example.com/org/repo//deploy?ref={COMMIT}",
            "git::ssh://git.example.com/org/repo",
        ),
    ],
)
def test_the_copy_is_what_is_built(tmp_path: Path, reference: str, url: str) -> None:
    root = repository(tmp_path, reference, url=url)

    assert source.survey(root, OVERLAY) == []
    build = source.render(root, OVERLAY, cache=None)
    told = {str(each): (each.spec, each.origin and each.origin.file) for each in build.resources}
    assert told == {
        "Namespace/shop": ({}, f"{COPY}/deploy/ns.yaml"),
        "PeerAuthentication/shop/default": (
            {"mtls": {"mode": "PERMISSIVE"}},
            f"{COPY}/base/pa.yaml",
        ),
        "PeerAuthentication/bank/default": ({"mtls": {"mode": "STRICT"}}, f"{OVERLAY}/own.yaml"),
    }
    assert source.survey_repository(root, [OVERLAY]) == []
    assert {f"{COPY}/README.md", f"{OVERLAY}/vendored.yaml"} <= source.inputs(root, OVERLAY)


def test_a_value_is_found_where_it_is_written_in_the_copy(tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / OVERLAY / "kustomization.yaml").write_text(
        f"resources: ['{URL}//deploy?ref={COMMIT}']\n", encoding="utf-8"
    )
    (policy,) = [r for r in source.render(root, OVERLAY, cache=None).resources if r.spec]

    place = source.Locator(root)(policy, "spec.mtls.mode")

    assert place is not None
    assert (place.file, place.line) == (f"{COPY}/base/pa.yaml", 4)


def test_a_copy_that_is_not_as_stated_is_refused_with_its_digest(tmp_path: Path) -> None:
    root = repository(tmp_path)
    assert source.render(root, OVERLAY, cache=tmp_path / "cache").resources
    (root / COPY / "base" / "pa.yaml").write_text(PA.replace("STRICT", "DISABLE"), "utf-8")

    why, hint = refusal(root)

    assert why == (
        f"the copy {COPY} is not what {OVERLAY}/vendored.yaml states: its digest is "
        f"{digest(root / COPY)}"
    )
    assert f"write `sha256: {digest(root / COPY)}` in {OVERLAY}/vendored.yaml" in hint


@pytest.mark.parametrize("added", ["more.yaml", "deploy/.hidden"])
def test_a_file_more_is_another_copy(tmp_path: Path, added: str) -> None:
    root = repository(tmp_path)
    (root / COPY / added).write_text("", "utf-8")

    assert "is not what" in refusal(root)[0]


@pytest.mark.parametrize(
    "reference",
    [
        f"{URL}//deploy",
        f"{URL}//deploy?ref=main",
        f"{URL}//deploy?ref={COMMIT[:12]}",
        f"{URL}//deploy?ref={COMMIT}&ref=main",
        f"{URL}//deploy?ref=&ref={COMMIT}",
        f"{URL}//deploy?ref=main&version={COMMIT}",
        f"{URL}//deploy?ref={COMMIT[::-1]}",
        f"{URL}-2//deploy?ref={COMMIT}",
    ],
)
def test_what_is_not_pinned_to_that_commit_is_refused(tmp_path: Path, reference: str) -> None:
    assert refusal(repository(tmp_path, reference)) == ("", "")


@pytest.mark.parametrize(
    ("reference", "stated", "why"),
    [
        (f"{URL}//nothing?ref={COMMIT}", {}, f"the copy {COPY} has no folder nothing"),
        (f"{URL}//../../shop?ref={COMMIT}", {}, "has no folder ../../shop"),
        (None, {"folder": "../../nowhere"}, "there is no such folder"),
        (None, {"folder": "../../../out"}, "no folder inside this repository"),
        (None, {"folder": "../.."}, "no folder inside this repository"),
        (None, {"sha256": "abc"}, "is not as it has to be"),
        (None, {"branch": "main"}, "is not as it has to be"),
    ],
)
def test_what_is_stated_wrongly_is_told(
    tmp_path: Path, reference: str | None, stated: dict[str, str], why: str
) -> None:
    root = tmp_path / "repository"
    (tmp_path / "out").mkdir()
    root = repository(root, reference or f"{URL}//deploy?ref={COMMIT}", **stated)

    assert why in refusal(root)[0]
    assert refusal(root)[1]


def test_a_copy_has_no_links(tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / COPY / "deploy" / "link.yaml").symlink_to("/etc/passwd")

    assert refusal(root)[0] == f"{COPY}/deploy/link.yaml is a link"


def test_a_copy_names_nothing_outside_of_itself(tmp_path: Path) -> None:
    root = repository(tmp_path)
    write_files(
        root / "policies/shop", {"kustomization.yaml": "resources: [pa.yaml]\n", "pa.yaml": PA}
    )
    (root / COPY / "deploy" / "kustomization.yaml").write_text(
        "resources: [../../../shop]\n", "utf-8"
    )
    (root / OVERLAY / "vendored.yaml").write_text(
        (root / OVERLAY / "vendored.yaml").read_text("utf-8").rpartition("sha256")[0]
        + f"url: {URL}\n".replace(f"url: {URL}", f"sha256: {digest(root / COPY)}\n  url: {URL}"),
        "utf-8",
    )

    (defect,) = source.survey(root, OVERLAY)
    assert defect.detail == "../../../shop"


def test_bases_of_a_copy_are_stated_where_the_copy_is(tmp_path: Path) -> None:
    inner = f"https://git.example.com/org/inner?ref={COMMIT}"
    root = repository(tmp_path)
    write_files(
        root / "policies/vendor/inner",
        {"kustomization.yaml": "resources: [pa.yaml]\n", "pa.yaml": PA},
    )
    (root / COPY / "base" / "kustomization.yaml").write_text(f"resources: ['{inner}']\n", "utf-8")
    entries = [
        {"url": URL, "commit": COMMIT, "folder": f"../../{COPY}", "sha256": digest(root / COPY)},
        {
            "url": inner.partition("?")[0],
            "commit": COMMIT,
            "folder": "../../policies/vendor/inner",
            "sha256": digest(root / "policies/vendor/inner"),
        },
    ]
    write_files(root / OVERLAY, {"vendored.yaml": yaml.safe_dump({"vendored": entries})})

    files = {r.origin and r.origin.file for r in source.render(root, OVERLAY, cache=None).resources}
    assert "policies/vendor/inner/pa.yaml" in files


def test_too_large_a_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgate.source.vendored.MOST_FILES", 2)

    assert "has more than 2 files" in refusal(repository(tmp_path))[0]


def test_only_one_full_commit_id_pins() -> None:
    assert pinned_to(f"{URL}?ref={'a' * 64}") == "a" * 64
    assert pinned_to(f"{URL}?ref={'a' * 41}") is None
    assert pinned_to(f"{URL}/{COMMIT}") is None
    assert Copies(Root(Path("/nonexistent"))).find("a", f"{URL}?ref={COMMIT}") is None
