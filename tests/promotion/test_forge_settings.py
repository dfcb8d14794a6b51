"""Which forge a command talks to, and that its token is told to nobody."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshgate.errors import RepositoryError, ToolError, UsageError, install_beside
from meshgate.promotion.forges import (
    BestEffort,
    CommitStatus,
    Draft,
    ForgeSettings,
    StatusState,
    forge_names,
    open_forge,
    settings_from,
)

HERE = Path()
DRAFT = Draft("promote/prod/r-1", "main", "promote(prod): r-1", "What it does.\n", ("promotion",))
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/mesh",
    "GITHUB_TOKEN": "t-github",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_PROJECT_PATH": "acme/mesh",
    "GITLAB_TOKEN": "t-gitlab",
}
OWN = {
    "MESHGATE_FORGE": "gitea",
    "MESHGATE_FORGE_URL": "https://git.example.com",
    "MESHGATE_FORGE_PROJECT": "team/mesh",
    "MESHGATE_FORGE_TOKEN": "t-own",
}


@pytest.mark.parametrize(
    ("environment", "asked", "expected"),
    [
        ({}, None, ("none", "", "", "")),
        (OWN, None, ("gitea", "https://git.example.com", "team/mesh", "t-own")),
        (GITHUB, None, ("github", "https://api.github.com", "acme/mesh", "t-github")),
        (GITLAB, None, ("gitlab", "https://gitlab.example.com", "acme/mesh", "t-gitlab")),
        (
            {**GITHUB, "GITEA_ACTIONS": "true"},
            None,
            ("gitea", "https://github.com", "acme/mesh", "t-github"),
        ),
        # What was set on purpose stands before what the runner says.
        (
            {**GITHUB, "MESHGATE_FORGE_TOKEN": "t-app"},
            None,
            ("github", "https://api.github.com", "acme/mesh", "t-app"),
        ),
        ({**GITHUB, **OWN}, None, ("gitea", "https://git.example.com", "team/mesh", "t-own")),
        (GITHUB, "none", ("none", "", "", "")),
        ({}, "forgejo", ("gitea", "", "", "")),
    ],
)
def test_the_forge_is_found(
    environment: dict[str, str], asked: str | None, expected: tuple[str, str, str, str]
) -> None:
    found = settings_from(environment, HERE, asked)

    assert (found.forge, found.url, found.project, found.token) == expected


def test_a_token_is_in_no_representation() -> None:
    assert "t-own" not in repr(settings_from(OWN, HERE))


@pytest.mark.parametrize("missing", ["URL", "PROJECT", "TOKEN"])
def test_what_is_missing_is_named(missing: str) -> None:
    environment = {**OWN, f"MESHGATE_FORGE_{missing}": ""}

    with pytest.raises(UsageError, match=f"MESHGATE_FORGE_{missing}"):
        open_forge(settings_from(environment, HERE))


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://git.example.com", True),
        ("http://127.0.0.1:3000", True),
        ("http://localhost:3000", True),
        ("http://git.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("file:///srv/git", False),
        ("git.example.com", False),
    ],
)
def test_a_token_never_travels_in_clear_text(url: str, *, fine: bool) -> None:
    settings = ForgeSettings("gitea", url, "team/mesh", "t-own")
    if fine:
        assert settings.required().url == url
    else:
        with pytest.raises(UsageError, match="https") as error:
            settings.required()
        assert "t-own" not in str(error.value)


def test_an_unknown_forge_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError) as error:
        open_forge(ForgeSettings("sourceforge"))

    assert all(name in error.value.hint for name in forge_names())


def test_a_missing_client_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gitea", "http"):
        monkeypatch.delitem(sys.modules, f"meshgate.promotion.forges.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)

    with pytest.raises(ToolError) as error:
        open_forge(settings_from(OWN, HERE))

    assert error.value.exit_code == 4
    assert error.value.hint == f"install it beside meshgate: `{install_beside('httpx')}`"


def test_without_a_forge_a_page_is_written_once(tmp_path: Path) -> None:
    forge = open_forge(ForgeSettings(directory=tmp_path))
    page = tmp_path / "pr.md"

    made = forge.create(DRAFT)
    written = page.stat().st_mtime_ns
    again = forge.create(DRAFT)

    assert page.read_text() == "# promote(prod): r-1\n\nWhat it does.\n"
    assert page.stat().st_mtime_ns == written
    assert again == made
    assert "git merge --no-ff promote/prod/r-1" in made.note
    assert not forge.hosted


def test_without_a_forge_nothing_is_open_and_nothing_merges(tmp_path: Path) -> None:
    forge = open_forge(ForgeSettings(directory=tmp_path))
    forge.set_status("0" * 40, CommitStatus("promotion/gate", StatusState.SUCCESS))

    assert forge.find_open(DRAFT.head, "main") is None
    assert list(forge.list_open("main")) == []
    assert list(forge.get_statuses("0" * 40)) == []
    assert list(forge.get_reviews(0)) == []
    with pytest.raises(RepositoryError, match="no forge is configured"):
        forge.merge(0, head_sha="0" * 40, method="merge", message="")


def test_the_local_forge_wants_a_bare_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bare repository"):
        open_forge(ForgeSettings("local", str(tmp_path)))


def test_what_fails_beside_the_matter_is_told(caplog: pytest.LogCaptureFixture) -> None:
    effort = BestEffort()

    with effort.attempt("labels"):
        open_forge(ForgeSettings()).get(7)

    assert effort.reasons == ["labels: there is no pull request 7: no forge is configured"]
    assert "there is no pull request 7" in caplog.text
