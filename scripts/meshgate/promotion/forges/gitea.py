"""Gitea and Forgejo, which share one API: GitHub's shapes, and ways of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import httpx
from msgspec.structs import replace

from meshgate.model import JSONObject
from meshgate.promotion.forges.forge import CommitStatus, Draft, NoDifferenceError, PullRequest
from meshgate.promotion.forges.github_api import GitHubLike, part
from meshgate.promotion.forges.http import ApiDialect, HttpApi
from meshgate.promotion.forges.labels import color
from meshgate.promotion.forges.responses import careful, text
from meshgate.promotion.forges.responses import number as number_at
from meshgate.promotion.forges.settings import ForgeSettings
from meshgate.report.budget import LIMITS


def _goes_on(answer: httpx.Response, seen: int) -> bool:
    # A server may give fewer than asked, and some lists do not say how many there are.
    return seen < int(answer.headers.get("X-Total-Count", seen + 1))


# 50 is what a server gives at most, if it was not set otherwise.
DIALECT = ApiDialect("Gitea", ("limit", 50), _goes_on, scheme="token")
# The timeline's words for a forge-side auto-merge; a pull request itself does not tell it.
ARMED, DISARMED = "pull_scheduled_merge", "pull_cancel_scheduled_merge"


def connect(settings: ForgeSettings) -> GiteaForge:
    """The forge at MESHGATE_FORGE_URL."""
    complete = settings.required()
    return GiteaForge(HttpApi(f"{complete.url}/api/v1", complete.token, DIALECT), complete.project)


@careful
class GiteaForge(GitHubLike):
    """A repository `owner/name` of a Gitea or Forgejo."""

    name = "gitea"
    body_limit = LIMITS["gitea"]
    description_limit = 1000
    review_states = {  # noqa: RUF012 - as its base class declares it
        "APPROVED": "approved",
        "REQUEST_CHANGES": "changes-requested",
        "COMMENT": "commented",
    }

    @cached_property
    def _login(self) -> str:
        return text(self.api.ask("GET", "user"), "login")

    def login(self) -> str:
        return self._login

    def get(self, number: int) -> PullRequest:
        pull = super().get(number)
        armed = False
        if pull.state == "open":
            for event in self.api.pages(f"{self.repository}/issues/{number}/timeline"):
                kind = text(event, "type")
                armed = kind == ARMED or (armed and kind != DISARMED)
        return replace(pull, auto_merge=armed)

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        listed = self.api.pages(f"{self.repository}/commits/{part(sha)}/statuses")
        # By id: times are whole seconds, and what `sort` means is not the same everywhere.
        entries = sorted(listed, key=lambda entry: number_at(entry, "id"))
        newest = {text(entry, "context"): entry for entry in entries}
        return [self._status(entry, text(entry, "status")) for entry in newest.values()]

    def _listed(self, state: str, base: str, head: str) -> Iterable[JSONObject]:  # noqa: ARG002 - of the protocol
        # Not `/pulls/{base}/{head}`: that gives any pull request of the branch, also a closed one.
        # Servers before 1.24 do not know base_branch, and give the pull requests to every base.
        return self.api.pages(f"{self.repository}/pulls", state=state, base_branch=base)

    def _read(self, answer: JSONObject) -> PullRequest:
        pull = super()._read(answer)
        # Gitea says `false` both for a conflict and before it has looked.
        return replace(pull, mergeable=pull.mergeable or None)

    def _associated(self, commit: str) -> Iterable[JSONObject]:
        found = self._present(f"{self.repository}/commits/{part(commit)}/pull")
        return [found] if found else []

    def _open(self, draft: Draft) -> int:
        span = f"{part(draft.base)}...{part(draft.head)}"
        # Gitea opens a pull request without any change, too.
        compared = self.api.ask("GET", f"{self.repository}/compare/{span}")
        if not number_at(compared, "total_commits"):
            raise NoDifferenceError(f"{draft.head} has nothing that {draft.base} has not")
        body = {"head": draft.head, "base": draft.base, "title": draft.title, "body": draft.body}
        return number_at(self.api.ask("POST", f"{self.repository}/pulls", body), "number")

    def _put_labels(self, number: int, labels: Sequence[str]) -> None:
        # Two of one name can be made, so what is there is looked up first.
        there = {
            text(entry, "name"): number_at(entry, "id")
            for entry in self.api.pages(f"{self.repository}/labels")
        }
        for name in labels:
            if name not in there:
                body = {"name": name, "color": f"#{color(name)}"}
                made = self.api.ask("POST", f"{self.repository}/labels", body)
                there[name] = number_at(made, "id")
        ids = [there[name] for name in labels]
        self.api.ask("PUT", f"{self.repository}/issues/{number}/labels", {"labels": ids})

    def _merge(self, number: int, head_sha: str, method: str, message: tuple[str, str]) -> None:
        body = {"Do": method, "head_commit_id": head_sha}
        body["MergeTitleField"], body["MergeMessageField"] = message
        self.api.ask("POST", f"{self._path(number)}/merge", body)

    def _may_approve(self, review: JSONObject) -> bool:
        return bool(review.get("official"))

    def _in_team(self, team: str, login: str) -> bool:
        if team not in self._teams:
            return False
        return self._present(f"teams/{self._teams[team]}/members/{part(login)}") is not None

    @cached_property
    def _teams(self) -> dict[str, int]:
        """The teams of the repository's owner; a person has none."""
        path = f"orgs/{part(self.owner)}"
        if self._present(path) is None:
            return {}
        return {
            text(team, "name"): number_at(team, "id") for team in self.api.pages(f"{path}/teams")
        }
