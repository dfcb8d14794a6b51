"""A promotion to prod as the guards see it: real, judged once, and varied as a value."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.forges import PullRequest, Review
from meshgate.promotion.judge import HeadJudgement, judge
from meshgate.promotion.session import Clock, Session, session_at
from meshgate.repository import Repository
from places import CACHE
from promoted import START, Promoted, git, promote

NOW = START + dt.timedelta(days=6)
CLOCK = Clock(NOW, NOW.date())
WITHOUT_FORGE = "the tests ask no forge"


def base_of(repository: Repository, reference: str = "main", **more: object) -> Session:
    """The base of a judgement, without a forge."""
    settings = {"clock": CLOCK, "without_forge": WITHOUT_FORGE, "cache": CACHE} | more
    return session_at(repository, repository.resolve(reference), **settings)  # type: ignore[arg-type] # options


def judged(
    folder: Path, base: str, head: str, *, pull: PullRequest | None = None, **more: object
) -> HeadJudgement:
    """What is said of a head, and of its pull request."""
    with Repository(folder) as repository:
        return judge(base_of(repository, base, **more), repository.resolve(head), pull=pull)


def proposed(folder: Path, environment: str = "prod", *, day: int = 5, **more: object) -> str:
    """Main before a promotion; main is then the promotion's head."""
    base = git(folder, "rev-parse", "HEAD")
    promote(folder, environment, day=day, **more)  # type: ignore[arg-type] # fields of a proposal
    return base


@pytest.fixture(scope="session")
def candidate(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    """STRICT for prod, after a day in staging. Every guard lets it pass."""
    folder = tmp_path_factory.mktemp("candidate") / "repository"
    git(folder.parent, "clone", "--quiet", str(promoted_once.folder), str(folder))
    found = judged(folder, proposed(folder), "HEAD").candidate
    assert found is not None
    return found


def pull_request(head: str, **more: object) -> PullRequest:
    """An open pull request of a candidate."""
    settings: dict[str, object] = {
        "number": 7,
        "url": "https://forge.example/7",
        "head": "promote/prod/r-0",
        "head_sha": head,
        "base": "main",
        "title": "t",
        "body": "b",
        "author": "promoter",
        "state": "open",
        "labels": (),
    }
    return PullRequest(**settings | more)  # type: ignore[arg-type] # fields


def review(login: str, commit: str, state: str = "approved", teams: tuple[str, ...] = ()) -> Review:
    return Review(login, state, commit, NOW, teams)


def reviews(candidate: Candidate, *reviews: Review, **more: object) -> Reviews:
    """What a forge says of a candidate."""
    return Reviews(pull_request(candidate.head.commit, **more), reviews)
