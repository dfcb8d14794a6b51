"""Tags of `record` that are on another commit than they should be, and how they are repaired.

A run in a shallow clone took the oldest commit it had for the one that brought a record; a person
may have moved a tag. The forge's own rules for tags decide whether one may be moved back.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from meshgate.errors import RepositoryError
from meshgate.promotion import names
from meshgate.promotion.files import ledger_folder
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.main_line import newest_additions
from meshgate.promotion.record import CreatedTag, message_of, release_message
from meshgate.promotion.session import Session
from meshgate.repository import move_tag, tag_message


@dataclass(frozen=True, slots=True)
class MisplacedTag:
    """A tag on a wrong commit.

    name     of the tag
    there    the commit that it is on
    wanted   the commit that it should be on
    own      whether `record` made it: no other is ever moved
    message  what it will say
    """

    name: str
    there: str
    wanted: str
    own: bool
    message: Callable[[], str]

    def __str__(self) -> str:
        return f"{self.name} is on {self.there[:12]}, and should be on {self.wanted[:12]}"


def misplaced_tags(session: Session, environments: Sequence[str] = ()) -> list[MisplacedTag]:
    """The tags of records and releases on the base that are on another commit."""
    found: dict[str, MisplacedTag] = {}
    for policy in session.policy.environments:
        if policy.pinned and (not environments or policy.name in environments):
            for each in _of_environment(session, policy.name):
                found.setdefault(each.name, each)
    return list(found.values())


def repair(session: Session, wrong: Sequence[MisplacedTag]) -> tuple[list[CreatedTag], list[str]]:
    """Move tags to where they belong, here and at the remote; what was moved, and what was not.

    Each that was not is told with its reason: the remote's rules, or that it is not of `record`.
    """
    moved: list[CreatedTag] = []
    reasons: list[str] = []
    for each in wrong:
        if not each.own:
            reasons.append(f"{each}: it was not made by `meshgate record`, and is left as it is")
            continue
        try:
            move_tag(
                session.repository, each.name, each.wanted, each.message(), remote=session.remote
            )
        except RepositoryError as error:
            reasons.append(f"{each}: {' '.join((error.why or error.what).split())}")
        else:
            moved.append(CreatedTag(each.name, each.wanted))
    return moved, reasons


def _of_environment(session: Session, environment: str) -> Iterator[MisplacedTag]:
    repository = session.repository
    merged = newest_additions(repository, session.commit, ledger_folder(environment))
    ledger = read_ledger(session.files, environment)
    for recorded in ledger:
        record = recorded.record
        name, wanted = names.tag(environment, record.sequence), merged[record.path]
        there = repository.find(f"refs/tags/{name}")
        if there is not None and there != wanted:
            own = _is_of_record(tag_message(repository, name), environment, record.sequence)
            yield MisplacedTag(
                name,
                there,
                wanted,
                own,
                functools.partial(message_of, session, recorded, wanted),
            )
    yield from _of_releases(session, environment)


def _of_releases(session: Session, environment: str) -> Iterator[MisplacedTag]:
    """Several records may bring one release from several commits: any of them will do."""
    repository = session.repository
    sources: dict[str, list[str]] = {}
    for policy in session.policy.environments:
        if policy.pinned:
            for recorded in read_ledger(session.files, policy.name):
                own = recorded.record
                sources.setdefault(own.release, []).append(own.source.commit)
    for recorded in read_ledger(session.files, environment):
        record = recorded.record
        name = names.release_tag(record.release)
        there = repository.find(f"refs/tags/{name}")
        present = repository.find(record.source.commit) is not None
        if there is None or not present or there in sources[record.release]:
            continue
        yield MisplacedTag(
            name,
            there,
            record.source.commit,
            tag_message(repository, name).startswith(f"{record.release} ("),
            functools.partial(release_message, record),
        )


def _is_of_record(message: str, environment: str, sequence: int) -> bool:
    """Whether `record` wrote a tag's message for this record."""
    with suppress(ValueError):
        stated = json.loads(message.partition("\n\n")[2])
        if isinstance(stated, dict):
            return (stated.get("environment"), stated.get("sequence")) == (environment, sequence)
    return False
