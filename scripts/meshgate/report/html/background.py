"""What surrounds a judgement on the page: of what it was made, facts, exceptions, promotion."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshgate.model import Environment, JSONObject, Tally, Waiver
from meshgate.report.escape.visible import visible
from meshgate.wording import plural


class Head(NamedTuple):
    """The commit that was judged; `changed`: with edits on top of it that no commit has."""

    commit: str
    branch: str
    date: datetime.datetime
    changed: bool = False


class TimelineEvent(NamedTuple):
    """One event of a ledger; afterwards `strict` of `ports` took mutual TLS only (0: not known)."""

    at: datetime.datetime
    event: str
    release: str
    by: str
    commit: str
    # Such as "2 ports tighten"; empty: nothing changed for any port or call.
    does: Sequence[str] = ()
    ports: int = 0
    strict: int = 0


class PromotionTimeline(NamedTuple):
    """How an environment stands in promotion: what it has, what comes next, and what was.

    `lacking`: why no trend can be drawn, or none that goes further back; empty: one is.
    """

    environment: str
    release: str
    since: datetime.datetime | None
    # Such as "2026-11-29.1 waits: outside of office hours".
    following: Sequence[str]
    events: Sequence[TimelineEvent] = ()
    lacking: str = ""


class BurnDown(NamedTuple):
    """How the baseline of an environment shrank, oldest first, and the same in a sentence.

    points  (day, how many findings were left, whether a commit of promotion came with it)
    """

    environment: str
    points: Sequence[tuple[datetime.date, int, bool]]
    sentence: str


class AcceptedException(NamedTuple):
    """Something that is accepted until a day: a waiver, a difference, an acknowledgement."""

    kind: str
    about: str
    path: str
    owner: str
    reason: str
    until: datetime.date
    # How many findings it covers now; None: that is not counted.
    covers: int | None


def head(own: Head | None) -> JSONObject | None:
    """`{"commit", "branch", "date", "changed"}`; None: nothing of git is known."""
    if own is None:
        return None
    return {
        "commit": visible(own.commit[:12]),
        "branch": visible(own.branch),
        "date": own.date.isoformat(timespec="minutes"),
        "changed": own.changed,
    }


def facts(environment: Environment, tally: Tally) -> list[list[str]]:
    """What was taken as true of a mesh, as `[term, value]`: its facts, its floor, what was read."""
    mesh, floor = environment.mesh, environment.require
    rows = [
        ("Istio", f"{mesh.istio} ({mesh.distribution}, {mesh.data_plane})"),
        ("auto mTLS", "on" if mesh.enable_auto_mtls else "off"),
        ("outbound", mesh.outbound_traffic_policy),
        ("trust domain", mesh.trust_domain),
        ("root namespace", mesh.root_namespace),
        ("NetworkPolicies", mesh.network_policies),
        ("without sidecar on purpose", ", ".join(each.host for each in mesh.outside) or "none"),
        ("floor", f"mTLS {floor.mtls}, authorization {floor.authorization}"),
        (
            "read",
            f"{plural(tally.policies, 'object')} of policy, {tally.inventory} of the inventory",
        ),
    ]
    return [[term, visible(str(value))] for term, value in rows]


def exceptions(environment: Environment, covered: Mapping[Waiver, int]) -> list[AcceptedException]:
    """What is accepted in an environment, what ends first at the top.

    covered  how many findings each waiver covers
    """
    waived = [
        AcceptedException(
            each.rule,
            each.resource or "",
            each.path or "",
            each.owner,
            each.reason,
            each.expires,
            covered.get(each, 0),
        )
        for each in environment.waivers
    ]
    weaker = [
        AcceptedException(
            "may be weaker than before",
            f"{each.workload}{f':{each.port}' if each.port else ''}",
            "",
            each.owner,
            each.reason,
            each.expires,
            None,
        )
        for each in environment.differences
    ]
    breaks = [
        AcceptedException(
            "may break calls",
            f"release {each.release}",
            "",
            each.owner,
            each.reason,
            each.until,
            None,
        )
        for each in environment.acknowledgements
    ]
    return sorted([*waived, *weaker, *breaks], key=lambda each: each.until)


def exception(each: AcceptedException, today: datetime.date) -> list[object]:
    """`[sort, about, path, owner, reason, until, days left, covers]`."""
    return [
        *map(visible, (each.kind, each.about, each.path, each.owner, each.reason)),
        each.until.isoformat(),
        (each.until - today).days,
        each.covers,
    ]


def timeline(own: PromotionTimeline) -> JSONObject:
    """How an environment stands in promotion, each field by its name, the newest event first."""
    return {
        "environment": visible(own.environment),
        "release": visible(own.release),
        "since": own.since.isoformat(timespec="minutes") if own.since else "",
        "following": list(map(visible, own.following)),
        "events": [
            [
                each.at.isoformat(timespec="minutes"),
                visible(each.event),
                visible(each.release),
                visible(each.by),
                visible(each.commit[:12]),
                list(map(visible, each.does)),
                each.ports,
                each.strict,
            ]
            for each in own.events
        ],
        "lacking": visible(own.lacking),
    }


def burn_down(own: BurnDown) -> JSONObject:
    """`{"environment", "points", "sentence"}`, a point `[day, left, promoted]`."""
    return {
        "environment": visible(own.environment),
        "points": [[day.isoformat(), left, promoted] for day, left, promoted in own.points],
        "sentence": visible(own.sentence),
    }
