"""What a package's `direct_url.json` (PEP 610) tells becomes what others are told to install."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from meshgate import __version__
from meshgate.model import JSON
from meshgate.origin import origin, origin_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "a" * 64
GIT: JSON = {"vcs_info": {"vcs": "git", "commit_id": COMMIT}}


@pytest.mark.parametrize(
    ("direct", "requirement"),
    [
        (
            {"url": "https://git.example/p/m.git", **GIT},
            f"meshgate @ git+https://git.example/p/m.git@{COMMIT}",
        ),
        (
            {"url": "ssh://git@git.example/m.git", "subdirectory": "tool", **GIT},
            f"meshgate @ git+ssh://git@git.example/m.git@{COMMIT}#subdirectory=tool",
        ),
        (
            {"url": "https://oauth2:secret@git.example/m.git", **GIT},
            f"meshgate @ git+https://git.example/m.git@{COMMIT}",
        ),
        (
            {"url": "ssh://git:secret@git.example/m.git", **GIT},
            f"meshgate @ git+ssh://git@git.example/m.git@{COMMIT}",
        ),
        ({"url": "file:///srv/m.git", **GIT}, ""),
        (
            {"url": "https://x.example/m.whl", "archive_info": {"hashes": {"sha256": DIGEST}}},
            f"meshgate @ https://x.example/m.whl#sha256={DIGEST}",
        ),
        (
            {"url": "https://x.example/m.whl", "archive_info": {"hash": f"sha256={DIGEST}"}},
            f"meshgate @ https://x.example/m.whl#sha256={DIGEST}",
        ),
        (
            {"url": "https://token@x.example/m.whl", "archive_info": {}},
            "meshgate @ https://x.example/m.whl",
        ),
        ({"url": "file:///tmp/dist/m.whl", "archive_info": {}}, ""),
        ({"url": "file:///nowhere", "dir_info": {"editable": True}}, ""),
    ],
)
def test_where_it_came_from(direct: JSON, requirement: str) -> None:
    found = origin_of(json.dumps(direct))

    assert found.requirement == requirement
    assert found.words
    assert "secret" not in str(found)


def test_an_index_by_name_and_version() -> None:
    assert origin_of(None).requirement == f"meshgate=={__version__}"


def test_one_file_is_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEX", "/opt/meshgate.pyz")
    assert origin().requirement == ""
    assert "the file meshgate.pyz" in origin().words


def test_a_checkout_is_named_where_it_was_pushed(tmp_path: Path) -> None:
    """Not before: nobody else could install a commit that is here alone."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    written = json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "one")
    git("remote", "add", "origin", "git@git.example:platform/meshgate.git")
    assert origin_of(written).requirement == ""

    git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert origin_of(written).requirement == (
        f"meshgate @ git+ssh://git@git.example/platform/meshgate.git@{git('rev-parse', 'HEAD')}"
    )
