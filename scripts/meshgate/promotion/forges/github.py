"""GitHub, in the cloud or on a server of one's own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property

from meshgate.model import JSONObject
from meshgate.promotion.forges.forge import (
    CommitStatus,
    Draft,
    ForgeRefusedError,
    NoDifferenceError,
    StatusState,
)
from meshgate.promotion.forges.github_api import GitHubLike, part
from meshgate.promotion.forges.http import FORBIDDEN, ApiDialect, HttpApi
from meshgate.promotion.forges.labels import color
from meshgate.promotion.forges.responses import careful, moment, text
from meshgate.promotion.forges.responses import number as number_at
from meshgate.promotion.forges.settings import ForgeSettings
from meshgate.report.budget import LIMITS

LOG = logging.getLogger(__name__)

PUBLIC = "https://api.github.com"
DIALECT = ApiDialect("GitHub", ("per_page", 100), lambda answer, _: "next" in answer.links)
# The account of a token: also of an App's, which REST does not tell.
VIEWER = "query { viewer { login } }"
# What a role is called where it may push; the old API knows no other roles that may.
MAY_PUSH = frozenset({"admin", "write", "maintain"})
NO_COMMITS = "no commits between"


def connect(settings: ForgeSettings) -> GitHubForge:
    """The forge at MESHGATE_FORGE_URL (the API's address), or github.com."""
    complete = settings.required(PUBLIC)
    api = HttpApi(complete.url, complete.token, DIALECT)
    # A server of one's own has its API below /api/v3, and GraphQL beside it.
    return GitHubForge(api, complete.project, f"{complete.url.removesuffix('/v3')}/graphql")


@careful
class GitHubForge(GitHubLike):
    """A repository `owner/name` of GitHub."""

    name = "github"
    body_limit = LIMITS["github"]
    description_limit = 140
    review_states = {  # noqa: RUF012 - as its base class declares it
        "APPROVED": "approved",
        "CHANGES_REQUESTED": "changes-requested",
        "COMMENTED": "commented",
        "DISMISSED": "dismissed",
    }

    def __init__(self, api: HttpApi, project: str, graphql: str) -> None:
        super().__init__(api, project)
        self.graphql = graphql

    @cached_property
    def _login(self) -> str:
        try:
            return text(self.api.ask("GET", "user"), "login")
        except ForgeRefusedError as error:
            # The token of an App, such as GITHUB_TOKEN, is nobody's.
            if error.status == FORBIDDEN:
                answer = self.api.ask("POST", self.graphql, {"query": VIEWER})
                return text(answer, "data", "viewer", "login")
            raise

    def login(self) -> str:
        return self._login

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        """Commit statuses, and check runs where no status has their name."""
        path = f"{self.repository}/commits/{part(sha)}"
        newest: dict[str, CommitStatus] = {}
        # Newest first. The combined status, which has one of each, does not tell who posted it.
        for entry in self.api.pages(f"{path}/statuses"):
            newest.setdefault(text(entry, "context"), self._status(entry, text(entry, "state")))
        try:
            for entry in self.api.pages(f"{path}/check-runs", filter="latest"):
                newest.setdefault(text(entry, "name"), _check_run(entry))
        except ForgeRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            # What is not seen passes no gate, so that going on is safe.
            LOG.warning("check runs are left out: the token lacks the permission checks: read")
        return list(newest.values())

    def _listed(self, state: str, base: str, head: str) -> Iterable[JSONObject]:
        narrowed = {"head": f"{self.owner}:{head}"} if head else {}
        return self.api.pages(f"{self.repository}/pulls", state=state, base=base, **narrowed)

    def _associated(self, commit: str) -> Iterable[JSONObject]:
        return self.api.pages(f"{self.repository}/commits/{part(commit)}/pulls")

    def _open(self, draft: Draft) -> int:
        body = {"head": draft.head, "base": draft.base, "title": draft.title, "body": draft.body}
        try:
            return number_at(self.api.ask("POST", f"{self.repository}/pulls", body), "number")
        except ForgeRefusedError as error:
            if NO_COMMITS in error.why.lower():
                raise NoDifferenceError(
                    f"{draft.head} has nothing that {draft.base} has not"
                ) from error
            raise

    def _put_labels(self, number: int, labels: Sequence[str]) -> None:
        there = {text(entry, "name") for entry in self.api.pages(f"{self.repository}/labels")}
        for name in labels:
            if name not in there:
                body = {"name": name, "color": color(name)}
                self.api.ask("POST", f"{self.repository}/labels", body)
        path = f"{self.repository}/issues/{number}/labels"
        self.api.ask("PUT", path, {"labels": list(labels)})

    def _merge(self, number: int, head_sha: str, method: str, message: tuple[str, str]) -> None:
        body = {"sha": head_sha, "merge_method": method}
        body["commit_title"], body["commit_message"] = message
        self.api.ask("PUT", f"{self._path(number)}/merge", body)

    def _may_approve(self, review: JSONObject) -> bool:
        # Anybody may approve in a public repository.
        login = part(text(review, "user", "login"))
        role = self._present(f"{self.repository}/collaborators/{login}/permission")
        return text(role, "permission") in MAY_PUSH

    def _in_team(self, team: str, login: str) -> bool:
        """`team` is a slug of the owner's, or `organisation/slug`, with or without `@`."""
        organisation, _, slug = team.removeprefix("@").rpartition("/")
        path = f"orgs/{part(organisation or self.owner)}/teams/{part(slug)}"
        membership = self._present(f"{path}/memberships/{part(login)}")
        return text(membership, "state") == "active"


def _check_run(entry: JSONObject) -> CommitStatus:
    """A check run as a status: only `success` is one, also not `neutral` or `skipped`."""
    state = StatusState.PENDING
    if text(entry, "status") == "completed":
        succeeded = text(entry, "conclusion") == "success"
        state = StatusState.SUCCESS if succeeded else StatusState.FAILURE
    return CommitStatus(
        text(entry, "name"),
        state,
        text(entry, "output", "title"),
        text(entry, "html_url"),
        moment(text(entry, "completed_at") or text(entry, "started_at")),
        text(entry, "app", "slug"),
    )
