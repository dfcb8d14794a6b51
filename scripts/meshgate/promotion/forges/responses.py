"""What a forge answers, read with care: it comes from outside, and quotes what strangers wrote."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from meshgate.errors import RepositoryError
from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.forge import ForgeRefusedError, PullRequest, Review

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# How much of a forge's own words an error repeats.
WORDS = 600
NOT_YET = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def refused(forge: str, what: str, status: int, words: str, token: str) -> ForgeRefusedError:
    """An error in the forge's own words. `what` is the request without address or headers."""
    hint = ""
    if status in {401, 403}:
        hint = "does MESHGATE_FORGE_TOKEN have the rights that docs/forges.md lists?"
    why = " ".join(words.replace(token, "***").split()) if token else words
    with_status = f" with {status}" if status else ""
    return ForgeRefusedError(
        f"{forge} answered {what}{with_status}" if status else f"{forge} did not answer {what}",
        why=why[:WORDS],
        hint=hint,
        status=status,
    )


def text(answer: JSON, *keys: str) -> str:
    """The text at a path of keys; "" where something on the way is missing or null.

    Raises RepositoryError where it is something else.
    """
    for key in keys:
        if answer is None:
            return ""
        if not isinstance(answer, dict):
            raise RepositoryError(f"the forge's answer has no object around {key!r}")
        answer = answer.get(key)
    if answer is None:
        return ""
    if not isinstance(answer, str):
        raise RepositoryError(f"the forge's answer has no text at {'.'.join(keys)}")
    return answer


def number(answer: JSONObject, key: str) -> int:
    value = answer.get(key)
    if not isinstance(value, int):
        raise RepositoryError(f"the forge's answer has no number at {key}")
    return value


def sha(answer: JSON, *keys: str) -> str:
    """A commit's id. Raises RepositoryError for anything else: it is given to git later."""
    value = text(answer, *keys)
    if not SHA.fullmatch(value):
        raise RepositoryError(
            f"the forge's answer has no commit at {'.'.join(keys)}: {value[:80]!r}"
        )
    return value


def moment(value: str) -> datetime.datetime | None:
    """An RFC 3339 time; None for an empty text, and for the year 1 that Go writes for none."""
    if not value:
        return None
    try:
        read = datetime.datetime.fromisoformat(value)
    except ValueError as error:
        raise RepositoryError(f"the forge's answer has no time: {value[:80]!r}") from error
    if read.year <= 1:
        return None
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


def pull_request(answer: JSONObject) -> PullRequest:
    """A pull request as GitHub, Gitea and Forgejo write it.

    `merge_commit_sha` of an open one is a trial merge, which is nobody's business.
    """
    merged_at = moment(text(answer, "merged_at"))
    merged = merged_at is not None
    head_repository = (answer.get("head") or {}).get("repo")
    base_repository = (answer.get("base") or {}).get("repo") or {}
    mergeable = answer.get("mergeable")
    return PullRequest(
        number=number(answer, "number"),
        url=text(answer, "html_url"),
        head=text(answer, "head", "ref"),
        head_sha=sha(answer, "head", "sha"),
        base=text(answer, "base", "ref"),
        title=text(answer, "title"),
        body=text(answer, "body"),
        author=text(answer, "user", "login"),
        state="merged" if merged else text(answer, "state"),
        labels=tuple(text(label, "name") for label in answer.get("labels") or ()),
        mergeable=mergeable if isinstance(mergeable, bool) and not merged else None,
        merge_commit=sha(answer, "merge_commit_sha") if merged else None,
        merged_by=text(answer, "merged_by", "login") or None,
        merged_at=merged_at,
        auto_merge=bool(answer.get("auto_merge")),
        # No repository: it was deleted, or may not be seen. Either way it is not this one.
        fork=not head_repository or head_repository.get("id") != base_repository.get("id"),
    )


def made_by(pulls: Iterable[PullRequest], commit: str) -> PullRequest | None:
    """Of pull requests that have to do with a commit, the one whose merge made it."""
    return next(
        (pull for pull in pulls if pull.state == "merged" and pull.merge_commit == commit), None
    )


def last_words(reviews: Iterable[Review]) -> list[Review]:
    """One review of each person, of those given in the order of time.

    A comment after an approval does not take it back; a dismissal or a new verdict does.
    """
    words: dict[str, Review] = {}
    for review in reviews:
        if review.state != "commented" or review.login not in words:
            words[review.login] = review
    return list(words.values())


def shortened(value: str, limit: int) -> str:
    """A text of at most `limit` characters."""
    return value if len(value) <= limit else value[: limit - 1] + "…"
