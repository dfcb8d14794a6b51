"""What is never merged, however it is judged: told by the pull request alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from msgspec import structs

from meshgate.errors import RefusedError
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.merge import merge
from meshgate.promotion.session import Session

PULL = PullRequest(
    number=7,
    url="https://forge.example/7",
    head="promote/prod/r-111111111111",
    head_sha="a" * 40,
    base="main",
    title="promote(prod)",
    body="",
    author="sam",
    state="open",
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "closed"}, "/7 is closed; nothing was merged"),
        ({"base": "release-1"}, "/7 is to release-1, and promotions are to main"),
        ({"base": "master"}, "/7 is to master, and promotions are to main"),
        ({"fork": True}, "its branch is promote/prod/r-111111111111 of a fork"),
        ({"head": "feature"}, "/7 is no promotion: its branch is feature"),
    ],
)
def test_it_is_refused_before_it_is_read(change: dict[str, object], message: str) -> None:
    """Nothing but the forge is asked: the session has nothing else."""
    pull = structs.replace(PULL, **change)
    session = SimpleNamespace(forge=SimpleNamespace(get=lambda _: pull), main="main")

    with pytest.raises(RefusedError) as error:
        merge(cast("Session", session), 7)

    assert error.value.what.endswith(message)
