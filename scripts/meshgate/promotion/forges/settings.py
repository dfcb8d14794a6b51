"""Which forge, where, which repository and which token: from the command line and the environment.

MESHGATE_FORGE          none (default) | local | github | gitlab | gitea | forgejo
MESHGATE_FORGE_URL      the forge's address; for `local`, the bare repository
MESHGATE_FORGE_PROJECT  owner/name
MESHGATE_FORGE_TOKEN    never on the command line: a process list shows that to everybody

Inside GitHub, GitLab, Gitea and Forgejo Actions or pipelines, what their variables say stands where
these are not set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from meshgate.errors import UsageError

DEFAULT = "none"
# The same API under two names.
ALIASES = {"forgejo": "gitea"}

# A job's forge, by the variable that only its runner sets; address, project, tokens by preference.
# Gitea's and Forgejo's runners set GitHub's variables too, so they come first.
RUNNERS = (
    ("GITEA_ACTIONS", "gitea", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", ("GITHUB_TOKEN",)),
    ("FORGEJO_ACTIONS", "gitea", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", ("GITHUB_TOKEN",)),
    ("GITHUB_ACTIONS", "github", "GITHUB_API_URL", "GITHUB_REPOSITORY", ("GITHUB_TOKEN",)),
    ("GITLAB_CI", "gitlab", "CI_SERVER_URL", "CI_PROJECT_PATH", ("GITLAB_TOKEN",)),
)


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """How to reach a forge. The token is in no representation of this value."""

    forge: str = DEFAULT
    url: str = ""
    project: str = ""
    token: str = field(default="", repr=False)
    # The repository at hand: where `none` writes its page.
    directory: Path = field(default_factory=Path)

    def required(self, default_url: str = "") -> ForgeSettings:
        """These settings, complete for a forge that is reached over HTTP.

        Raises UsageError for what is missing, and for an address that would carry the token in
        clear text.
        """
        url = self.url or default_url
        for name, value in (("URL", url), ("PROJECT", self.project), ("TOKEN", self.token)):
            if not value:
                raise UsageError(
                    f"the forge {self.forge} needs MESHGATE_FORGE_{name}",
                    hint="see docs/forges.md for what each forge needs",
                )
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
            raise UsageError(
                f"MESHGATE_FORGE_URL {url!r} is not an https address",
                why="the token would travel in clear text",
            )
        return ForgeSettings(self.forge, url.rstrip("/"), self.project, self.token, self.directory)


def settings_from(
    environment: Mapping[str, str], directory: Path, forge: str | None = None
) -> ForgeSettings:
    """The forge that the command line (`forge`) or the environment asks for."""
    named = forge or environment.get("MESHGATE_FORGE", "")
    asked = ALIASES.get(named, named)
    url = environment.get("MESHGATE_FORGE_URL", "")
    project = environment.get("MESHGATE_FORGE_PROJECT", "")
    token = environment.get("MESHGATE_FORGE_TOKEN", "")
    for mark, name, url_variable, project_variable, token_variables in RUNNERS:
        if environment.get(mark) == "true" and asked in ("", name):
            asked = name
            url = url or environment.get(url_variable, "")
            project = project or environment.get(project_variable, "")
            for variable in token_variables:
                token = token or environment.get(variable, "")
            break
    return ForgeSettings(asked or DEFAULT, url, project, token, directory)


def _loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
