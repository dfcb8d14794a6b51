"""GitLab's REST API for one project, in the shapes of its documentation, over a bare repository.

https://docs.gitlab.com/api/merge_requests/
https://docs.gitlab.com/api/merge_request_approvals/
https://docs.gitlab.com/api/commits/#commit-status
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fakes.server import Answer, Asked, FakeServer, Route
from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion.forges import Draft, HeadMovedError, PullRequest
from meshgate.promotion.forges.local import LocalForge

PROJECT = "acme/mesh"
BASE = "/api/v4/projects/acme%2Fmesh"
ACTIVE = {"pending", "running"}
USERS = {"promoter": 1, "ruth": 2}
# What GitLab answers for `pending` over what is pending.
TRANSITION = (
    "Cannot transition status via :enqueue from :pending "
    '(Reason(s): Status cannot transition via "enqueue")'
)


class GitLab(FakeServer):
    """One project `acme/mesh`, whose merge method is `merge`."""

    def __init__(self, seen_by: Callable[[str], LocalForge]) -> None:
        super().__init__()
        self.seen_by = seen_by
        self.posted: list[JSONObject] = []
        self.heads: dict[int, list[tuple[str, str]]] = {}
        self.merge_method = "merge"

    def routes(self) -> list[Route]:
        request = f"{BASE}/merge_requests/(\\d+)"
        table: list[tuple[str, str, Callable[[Asked], Answer]]] = [
            ("GET", "/api/v4/user", lambda asked: Answer(200, _user(asked.login))),
            ("GET", BASE, lambda _: Answer(200, {"id": 17, "merge_method": self.merge_method})),
            ("GET", f"{BASE}/merge_requests", self.requests_listed),
            ("POST", f"{BASE}/merge_requests", self.create),
            ("GET", request, self.read),
            ("PUT", request, self.edit),
            ("PUT", f"{request}/merge", self.merge),
            ("GET", f"{request}/notes", self.notes),
            ("POST", f"{request}/notes", self.note),
            ("PUT", f"{request}/notes/(\\d+)", self.edit_note),
            ("GET", f"{request}/approvals", self.approvals),
            ("GET", f"{request}/reviewers", self.reviewers),
            ("GET", f"{request}/versions", self.versions),
            ("GET", f"{BASE}/repository/compare", self.compare),
            ("GET", f"{BASE}/repository/commits/(\\w+)/statuses", self.statuses),
            ("GET", f"{BASE}/repository/commits/(\\w+)/merge_requests", self.associated),
            ("POST", f"{BASE}/statuses/(\\w+)", self.post_status),
            ("GET", "/api/v4/groups/([^/]+)/members/all/(\\d+)", self.member),
        ]
        return [(verb, re.compile(path), act) for verb, path, act in table]

    def paged(self, entries: list[JSONObject], query: dict[str, str], path: str) -> Answer:  # noqa: ARG002
        size = min(int(query.get("per_page", "20")), self.page_limit)
        page = int(query.get("page", "1"))
        more = str(page + 1) if page * size < len(entries) else ""
        headers = (("X-Next-Page", more), ("X-Total", str(len(entries))))
        return Answer(200, entries[(page - 1) * size : page * size], headers)

    def requests_listed(self, asked: Asked) -> Answer:
        forge = self.seen_by(asked.login)
        pulls = [forge.get(entry["number"]) for entry in forge.store.read()["pulls"]]
        wanted = asked.query
        shapes = [self._shape(pull) for pull in reversed(pulls)]
        return Answer(
            200,
            [
                shape
                for shape in shapes
                if wanted["state"] in ("all", shape["state"])
                and wanted.get("target_branch", shape["target_branch"]) == shape["target_branch"]
                and wanted.get("source_branch", shape["source_branch"]) == shape["source_branch"]
            ],
        )

    def associated(self, asked: Asked) -> Answer:
        forge = self.seen_by(asked.login)
        pulls = [forge.get(entry["number"]) for entry in forge.store.read()["pulls"]]
        return Answer(200, [self._shape(pull) for pull in pulls])

    def create(self, asked: Asked) -> Answer:
        body = asked.body
        forge = self.seen_by(asked.login)
        found = forge.find_open(body["source_branch"], body["target_branch"])
        if found:
            said = (
                f"Another open merge request already exists for this source branch: !{found.number}"
            )
            return Answer(409, {"message": [said]})
        made = forge.create(
            Draft(body["source_branch"], body["target_branch"], body["title"], body["description"])
        )
        return Answer(201, self._shape(made))

    def read(self, asked: Asked) -> Answer:
        try:
            return Answer(200, self._shape(self.seen_by(asked.login).get(int(asked.parts[0]))))
        except RepositoryError:
            return self.missing

    def edit(self, asked: Asked) -> Answer:
        number, forge, body = int(asked.parts[0]), self.seen_by(asked.login), asked.body
        if body.get("state_event") == "close":
            forge.close(number)
        if "labels" in body:
            forge.put_labels(number, body["labels"].split(","))
        if "title" in body:
            forge.update(number, title=body["title"], body=body["description"])
        return Answer(200, self._shape(forge.get(number)))

    def merge(self, asked: Asked) -> Answer:
        body, number = asked.body, int(asked.parts[0])
        forge = self.seen_by(asked.login)
        pull = forge.get(number)
        if pull.state != "open":
            return Answer(405, {"message": "405 Method Not Allowed"})
        method = "squash" if body["squash"] else "merge"
        message = body.get("squash_commit_message") or body.get("merge_commit_message") or ""
        if self.merge_method == "ff" and method == "merge":
            method = "rebase"
        try:
            forge.merge(number, head_sha=body["sha"], method=method, message=message)
        except HeadMovedError:
            return Answer(409, {"message": "SHA does not match HEAD of source branch"})
        except RepositoryError:
            return Answer(422, {"message": "Branch cannot be merged"})
        return Answer(200, self._shape(forge.get(number)))

    def notes(self, asked: Asked) -> Answer:
        listed = self.seen_by(asked.login).comments(int(asked.parts[0]))
        return Answer(
            200,
            [
                {"id": place, "body": body, "author": _user(author), "system": False}
                for place, (author, body) in enumerate(listed)
            ],
        )

    def note(self, asked: Asked) -> Answer:
        self.seen_by(asked.login).comment(int(asked.parts[0]), asked.body["body"])
        return Answer(201, {"id": 1, **asked.body})

    def edit_note(self, asked: Asked) -> Answer:
        number, place = map(int, asked.parts)
        self.seen_by(asked.login).edit_comment(number, place, asked.body["body"])
        return Answer(200, asked.body)

    def approvals(self, asked: Asked) -> Answer:
        reviews = self.seen_by(asked.login).get_reviews(int(asked.parts[0]))
        return Answer(
            200,
            {
                "id": 5,
                "iid": int(asked.parts[0]),
                "approved": bool(reviews),
                "approved_by": [
                    {"user": _user(review.login), "approved_at": review.at.isoformat()}
                    for review in reviews
                    if review.state == "approved"
                ],
            },
        )

    def reviewers(self, asked: Asked) -> Answer:
        reviews = self.seen_by(asked.login).get_reviews(int(asked.parts[0]))
        return Answer(
            200,
            [
                {
                    "user": _user(review.login),
                    "state": "approved" if review.state == "approved" else "requested_changes",
                    "created_at": review.at.isoformat(),
                }
                for review in reviews
            ],
        )

    def versions(self, asked: Asked) -> Answer:
        made = [
            {"id": place, "head_commit_sha": sha, "created_at": at, "state": "collected"}
            for place, (sha, at) in enumerate(self.heads[int(asked.parts[0])], start=110)
        ]
        return Answer(200, made[::-1])

    def compare(self, asked: Asked) -> Answer:
        base, head = asked.query["from"], asked.query["to"]
        repository = self.seen_by(asked.login).repository
        branches = repository.branches()
        if head not in branches:
            return Answer(404, {"message": "404 Ref Not Found"})
        ahead = not repository.contains(branches[base], branches[head])
        commits = [{"id": branches[head]}] if ahead else []
        return Answer(200, {"commits": commits, "compare_timeout": False})

    def statuses(self, asked: Asked) -> Answer:
        return Answer(200, [entry for entry in self.posted if entry["sha"] == asked.parts[0]])

    def post_status(self, asked: Asked) -> Answer:
        """A job of its own once the one before has ended: ended jobs are never found again."""
        body, sha = asked.body, asked.parts[0]
        if not re.fullmatch(r"https?://.+", body.get("target_url", "https://x")):
            return Answer(400, {"message": {"target_url": ["is blocked"]}})
        if len(body["description"]) > 255:
            return Answer(400, {"message": {"description": ["is too long"]}})
        job = next(
            (
                entry
                for entry in self.posted
                if (entry["sha"], entry["name"]) == (sha, body["name"])
                and entry["status"] in ACTIVE
                and entry["author"]["username"] == asked.login
            ),
            None,
        )
        if job and body["state"] == "pending":
            return Answer(400, {"message": TRANSITION})
        if not job:
            at = self.seen_by(asked.login).now().isoformat()
            job = {"id": 90 + len(self.posted), "sha": sha, "created_at": at, "finished_at": None}
            self.posted.append(job)
        job |= {
            "name": body["name"],
            "status": body["state"],
            "description": body["description"],
            "target_url": body.get("target_url"),
            "author": _user(asked.login),
            "allow_failure": False,
        }
        return Answer(201, job)

    def member(self, asked: Asked) -> Answer:
        group, user = asked.parts
        members = self.seen_by(asked.login).teams.get(group, ())
        if user not in {str(_user(login)["id"]) for login in members}:
            return self.missing
        return Answer(200, {"id": int(user), "state": "active", "access_level": 30})

    def _shape(self, pull: PullRequest) -> JSONObject:
        # A version is made when GitLab takes note of a push.
        heads = self.heads.setdefault(pull.number, [])
        if not heads or heads[-1][0] != pull.head_sha:
            heads.append((pull.head_sha, self.seen_by(pull.author).now().isoformat()))
        state = {"open": "opened"}.get(pull.state, pull.state)
        mergeable = pull.state == "open" and pull.mergeable
        return {
            "id": pull.number + 1000,
            "iid": pull.number,
            "project_id": 17,
            "title": pull.title,
            "description": pull.body,
            "state": state,
            "merge_user": _user(pull.merged_by) if pull.merged_by else None,
            "merged_at": pull.merged_at.isoformat() if pull.merged_at else None,
            "target_branch": pull.base,
            "source_branch": pull.head,
            "author": _user(pull.author),
            "source_project_id": 17,
            "target_project_id": 17,
            "labels": list(pull.labels),
            "draft": False,
            "merge_when_pipeline_succeeds": False,
            "detailed_merge_status": "mergeable" if mergeable else "conflict",
            "has_conflicts": pull.state == "open" and not pull.mergeable,
            "sha": pull.head_sha,
            "merge_commit_sha": pull.merge_commit,
            "squash_commit_sha": None,
            "web_url": f"https://gitlab.example.com/{PROJECT}/-/merge_requests/{pull.number}",
        }


def _user(login: str) -> JSONObject:
    return {"id": USERS.setdefault(login, len(USERS) + 1), "username": login, "state": "active"}
