"""GitHub's REST API for one repository, in the shapes of its documentation, over a bare one.

https://docs.github.com/en/rest/pulls/pulls
https://docs.github.com/en/rest/pulls/reviews
https://docs.github.com/en/rest/commits/statuses
https://docs.github.com/en/rest/checks/runs
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fakes.server import Answer, Asked, FakeServer, Route
from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion.forges import (
    CommitStatus,
    Draft,
    ForgeRefusedError,
    HeadMovedError,
    NoDifferenceError,
    PullRequest,
    StatusState,
)
from meshgate.promotion.forges.local import LocalForge

OWNER, NAME = "acme", "mesh"
REPOSITORY = f"/repos/{OWNER}/{NAME}"
APP = "promotion-app"
REVIEW_STATES = {"approved": "APPROVED", "changes-requested": "CHANGES_REQUESTED"}


class GitHub(FakeServer):
    """One repository `acme/mesh`; `APP` acts as an App does: it may not ask who it is.

    looking  how many merges are refused while it looks whether the branch merges
    """

    unauthorized = Answer(401, {"message": "Bad credentials", "status": "401"})
    missing = Answer(404, {"message": "Not Found", "status": "404"})

    def __init__(self, seen_by: Callable[[str], LocalForge]) -> None:
        super().__init__()
        self.seen_by = seen_by
        self.writers = {"promoter", "ruth"}
        self.forks: list[JSONObject] = []
        self.check_runs: list[JSONObject] = []
        self.looking = 0

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Asked], Answer]]] = [
            ("GET", "/user", self.user),
            ("POST", "/graphql", self.graphql),
            ("GET", f"{REPOSITORY}/pulls", self.pulls),
            ("POST", f"{REPOSITORY}/pulls", self.create),
            ("GET", f"{REPOSITORY}/pulls/(\\d+)", self.pull),
            ("PATCH", f"{REPOSITORY}/pulls/(\\d+)", self.edit),
            ("PUT", f"{REPOSITORY}/pulls/(\\d+)/merge", self.merge),
            ("GET", f"{REPOSITORY}/pulls/(\\d+)/reviews", self.reviews),
            ("GET", f"{REPOSITORY}/issues/(\\d+)/comments", self.comments),
            ("POST", f"{REPOSITORY}/issues/(\\d+)/comments", self.comment),
            ("PATCH", f"{REPOSITORY}/issues/comments/(\\d+)", self.edit_comment),
            ("PUT", f"{REPOSITORY}/issues/(\\d+)/labels", self.put_labels),
            ("GET", f"{REPOSITORY}/labels", lambda _: Answer(200, [])),
            ("POST", f"{REPOSITORY}/labels", lambda asked: Answer(201, asked.body)),
            ("GET", f"{REPOSITORY}/commits/(\\w+)/statuses", self.statuses),
            ("GET", f"{REPOSITORY}/commits/(\\w+)/pulls", self.associated),
            ("POST", f"{REPOSITORY}/statuses/(\\w+)", self.post_status),
            ("GET", f"{REPOSITORY}/commits/(\\w+)/check-runs", self.runs),
            ("GET", f"{REPOSITORY}/collaborators/([^/]+)/permission", self.permission),
            ("GET", f"/orgs/{OWNER}/teams/([^/]+)/memberships/([^/]+)", self.membership),
        ]
        return [(verb, re.compile(path), act) for verb, path, act in table]

    def paged(self, entries: list[JSONObject], query: dict[str, str], path: str) -> Answer:
        size = min(int(query.get("per_page", "30")), self.page_limit)
        page = int(query.get("page", "1"))
        headers: tuple[tuple[str, str], ...] = ()
        if page * size < len(entries):
            headers = (("Link", f'<{self.url}{path}?page={page + 1}>; rel="next"'),)
        return Answer(200, entries[(page - 1) * size : page * size], headers)

    def user(self, asked: Asked) -> Answer:
        if asked.login == APP:
            return Answer(403, {"message": "Resource not accessible by integration"})
        return Answer(200, {"login": asked.login, "id": 1, "type": "User"})

    def graphql(self, asked: Asked) -> Answer:
        assert "viewer" in asked.body["query"]
        return Answer(200, {"data": {"viewer": {"login": f"{asked.login}[bot]"}}})

    def pulls(self, asked: Asked) -> Answer:
        wanted = asked.query
        owner, _, head = wanted.get("head", "").partition(":")
        shapes = [self._shape(pull, whole=False) for pull in self._all(asked)] + self.forks
        return Answer(
            200,
            [
                shape
                for shape in reversed(shapes)
                if wanted["state"] in ("all", shape["state"])
                and wanted.get("base", shape["base"]["ref"]) == shape["base"]["ref"]
                and (not head or shape["head"]["label"] == f"{owner}:{head}")
            ],
        )

    def associated(self, asked: Asked) -> Answer:
        # Whatever has the commit: also what is open still.
        pulls = self._all(asked)
        return Answer(200, [self._shape(pull, whole=False) for pull in pulls])

    def create(self, asked: Asked) -> Answer:
        body = asked.body
        forge = self.seen_by(asked.login)
        if forge.find_open(body["head"], body["base"]):
            return _invalid(f"A pull request already exists for {OWNER}:{body['head']}.")
        try:
            made = forge.create(Draft(body["head"], body["base"], body["title"], body["body"]))
        except NoDifferenceError:
            return _invalid(f"No commits between {body['base']} and {body['head']}")
        except ForgeRefusedError:
            error = {"resource": "PullRequest", "field": "head", "code": "invalid"}
            return Answer(422, {"message": "Validation Failed", "errors": [error]})
        return Answer(201, self._shape(made))

    def pull(self, asked: Asked) -> Answer:
        try:
            return Answer(200, self._shape(self.seen_by(asked.login).get(int(asked.parts[0]))))
        except RepositoryError:
            return self.missing

    def edit(self, asked: Asked) -> Answer:
        number, forge = int(asked.parts[0]), self.seen_by(asked.login)
        if asked.body.get("state") == "closed":
            forge.close(number)
        else:
            forge.update(number, title=asked.body["title"], body=asked.body["body"])
        return Answer(200, self._shape(forge.get(number)))

    def merge(self, asked: Asked) -> Answer:
        body = asked.body
        message = f"{body['commit_title']}\n\n{body['commit_message']}"
        forge, number = self.seen_by(asked.login), int(asked.parts[0])
        if self.looking or forge.get(number).state != "open":
            self.looking = max(0, self.looking - 1)
            return Answer(405, {"message": "Pull Request is not mergeable"})
        try:
            merged = forge.merge(
                number, head_sha=body["sha"], method=body["merge_method"], message=message
            )
        except HeadMovedError:
            said = "Head branch was modified. Review and try the merge again."
            return Answer(409, {"message": said})
        except RepositoryError:
            return Answer(405, {"message": "Pull Request is not mergeable"})
        said = "Pull Request successfully merged"
        return Answer(200, {"sha": merged.commit, "merged": True, "message": said})

    def reviews(self, asked: Asked) -> Answer:
        return Answer(
            200,
            [
                {
                    "id": number,
                    "user": {"login": review.login, "id": number, "type": "User"},
                    "body": "",
                    "state": REVIEW_STATES[review.state],
                    "commit_id": review.commit,
                    "submitted_at": review.at.isoformat(timespec="seconds"),
                    "author_association": "MEMBER",
                }
                for number, review in enumerate(
                    self.seen_by(asked.login).get_reviews(int(asked.parts[0])), start=1
                )
            ],
        )

    def comments(self, asked: Asked) -> Answer:
        listed = self.seen_by(asked.login).comments(int(asked.parts[0]))
        return Answer(
            200,
            [
                {"id": _comment_id(asked, place), "user": {"login": author}, "body": body}
                for place, (author, body) in enumerate(listed)
            ],
        )

    def comment(self, asked: Asked) -> Answer:
        self.seen_by(asked.login).comment(int(asked.parts[0]), asked.body["body"])
        return Answer(201, {"id": 1, **asked.body})

    def edit_comment(self, asked: Asked) -> Answer:
        number, place = divmod(int(asked.parts[0]), 1000)
        self.seen_by(asked.login).edit_comment(number, place, asked.body["body"])
        return Answer(200, asked.body)

    def put_labels(self, asked: Asked) -> Answer:
        self.seen_by(asked.login).put_labels(int(asked.parts[0]), asked.body["labels"])
        return Answer(200, [{"name": name} for name in asked.body["labels"]])

    def statuses(self, asked: Asked) -> Answer:
        return Answer(
            200,
            [
                {
                    "id": number,
                    "state": str(status.state),
                    "description": status.description or None,
                    "target_url": status.url or None,
                    "context": status.context,
                    "created_at": status.at.isoformat(timespec="seconds") if status.at else None,
                    "creator": {"login": status.reporter},
                }
                for number, status in enumerate(
                    self.seen_by(asked.login).get_statuses(asked.parts[0]), start=1
                )
            ],
        )

    def post_status(self, asked: Asked) -> Answer:
        body = asked.body
        if len(body["description"]) > 140:
            return _invalid("description is too long (maximum is 140 characters)")
        self.seen_by(asked.login).set_status(
            asked.parts[0],
            CommitStatus(
                body["context"], StatusState(body["state"]), body["description"], body["target_url"]
            ),
        )
        return Answer(201, body)

    def runs(self, _: Asked) -> Answer:
        wrapped = {"total_count": len(self.check_runs), "check_runs": self.check_runs}
        return Answer(200, wrapped)

    def permission(self, asked: Asked) -> Answer:
        known = asked.parts[0] in self.writers
        return Answer(200, {"permission": "write" if known else "read", "role_name": "write"})

    def membership(self, asked: Asked) -> Answer:
        team, login = asked.parts
        if login not in self.seen_by(asked.login).teams.get(team, ()):
            return self.missing
        return Answer(200, {"state": "active", "role": "member"})

    def _all(self, asked: Asked) -> list[PullRequest]:
        forge = self.seen_by(asked.login)
        return [forge.get(entry["number"]) for entry in forge.store.read()["pulls"]]

    def _shape(self, pull: PullRequest, *, whole: bool = True) -> JSONObject:
        at = pull.merged_at.isoformat(timespec="seconds") if pull.merged_at else None
        there = {"id": 1296269, "full_name": f"{OWNER}/{NAME}", "fork": False}
        shape: JSONObject = {
            "id": pull.number + 1000,
            "number": pull.number,
            "html_url": f"https://github.com/{OWNER}/{NAME}/pull/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "locked": False,
            "title": pull.title,
            "user": {"login": pull.author, "id": 1, "type": "User"},
            "body": pull.body or None,
            "labels": [{"id": 1, "name": name, "color": "ededed"} for name in pull.labels],
            "draft": False,
            "merged_at": at,
            # Of an open one: a trial merge.
            "merge_commit_sha": pull.merge_commit or "e5bd3914e2e596debea16f433f57875b5b90bcd6",
            "head": {
                "label": f"{OWNER}:{pull.head}",
                "ref": pull.head,
                "sha": pull.head_sha,
                "repo": there,
            },
            "base": {"label": f"{OWNER}:{pull.base}", "ref": pull.base, "repo": there},
            "auto_merge": None,
        }
        if whole:
            known = "clean" if pull.mergeable else "dirty"
            shape |= {
                "merged": pull.state == "merged",
                "mergeable": None if self.looking else pull.mergeable,
                "mergeable_state": "unknown" if self.looking else known,
                "merged_by": {"login": pull.merged_by} if pull.merged_by else None,
            }
        return shape


def _invalid(message: str) -> Answer:
    error = {"resource": "PullRequest", "code": "custom", "message": message}
    return Answer(422, {"message": "Validation Failed", "errors": [error], "status": "422"})


def _comment_id(asked: Asked, place: int) -> int:
    return int(asked.parts[0]) * 1000 + place
