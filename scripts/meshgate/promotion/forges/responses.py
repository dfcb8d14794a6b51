"""What a forge answers, read with care: it comes from outside, and quotes what strangers wrote."""

from __future__ import annotations

import datetime
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from meshgate.answers import excerpt as said
from meshgate.errors import RepositoryError
from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.forge import ForgeRefusedError, PullRequest, Review

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# How much of a forge's own words an error repeats.
WORDS = 600
LAST_YEAR = 9000
NOT_YET = datetime.datetime.min.replace(tzinfo=datetime.UTC)


ForgeType = TypeVar("ForgeType")
Result = TypeVar("Result")
# What Python says of a value that is not there or of another type.
SHAPES = (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError)


class Named(Protocol):
    """Something that has a name."""

    name: str


def refused(forge: str, what: str, status: int, words: str, token: str) -> ForgeRefusedError:
    """An error in the forge's own words. `what` is the request without address or headers."""
    hint = ""
    if status in {401, 403}:
        hint = "does MESHGATE_FORGE_TOKEN have the rights that docs/forges.md lists?"
    why = said(words.replace(token, "***") if token else words, WORDS)
    with_status = f" with {status}" if status else ""
    return ForgeRefusedError(
        f"{forge} answered {what}{with_status}" if status else f"{forge} did not answer {what}",
        why=why,
        hint=hint,
        status=status,
    )


def careful(forge: type[ForgeType]) -> type[ForgeType]:
    """A forge's class whose verbs raise RepositoryError where an answer has another shape.

    Fields are asked for in a hundred places, and an answer may be null, a list or a number in any.
    """
    for name, verb in vars(forge).items():
        if not name.startswith("_") and inspect.isfunction(verb):
            setattr(forge, name, _careful(name, verb))
    return forge


def _careful(name: str, verb: Callable[..., Result]) -> Callable[..., Result]:
    @functools.wraps(verb)
    def read(self: Named, *arguments: object, **named: object) -> Result:
        try:
            return verb(self, *arguments, **named)
        except SHAPES as error:
            raise RepositoryError(
                f"what {self.name} answered is not what its API promises",
                why=f"{name}: {type(error).__name__}: {said(error)}",
                hint="is MESHGATE_FORGE_URL the forge itself, and nothing in between that changes "
                "its answers?",
            ) from error

    return read


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
    if not isinstance(value, int) or isinstance(value, bool):
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
    if not read.tzinfo:
        read = read.replace(tzinfo=datetime.UTC)
    if read.year >= LAST_YEAR:
        # Nothing can be counted on from there, and no time zone be told.
        raise RepositoryError(f"the forge's answer has no time: {value[:80]!r}")
    return read


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
