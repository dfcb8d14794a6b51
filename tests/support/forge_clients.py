"""Clients of GitHub and of GitLab, each before a fake of its forge."""

from __future__ import annotations

from typing import NamedTuple

from fakes import github, gitlab
from forge_worlds import LocalWorld
from meshgate.promotion.forges import (
    Forge,
    ForgeSettings,
    open_forge,
)

PROJECT = "acme/mesh"


class Hub(NamedTuple):
    """A repository, a fake of GitHub before it, and GitHub's client."""

    world: LocalWorld
    fake: github.GitHub

    def seen_by(self, login: str) -> Forge:
        return open_forge(ForgeSettings("github", self.fake.url, PROJECT, f"token-of-{login}"))


class Lab(NamedTuple):
    """The same with GitLab."""

    world: LocalWorld
    fake: gitlab.GitLab

    def seen_by(self, login: str) -> Forge:
        return open_forge(ForgeSettings("gitlab", self.fake.url, PROJECT, f"token-of-{login}"))
