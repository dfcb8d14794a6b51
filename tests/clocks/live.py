"""Promotion under wrong clocks: the real program, its git and libfaketime (`nox -s clocks`).

Each machine is a process whose clock is so far from this machine's. The forge is a fake of GitHub's
API in this process, so its `Date` is right.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import debian
import promoted
from fakes import github
from meshgate.promotion.environment_state import Event
from meshgate.promotion.forges.local import LocalForge

LIBRARY = "usr/lib/*/faketime/libfaketimeMT.so.1"
MINUTE, HOUR, DAY = (dt.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
WAITS, REFUSED, TAMPERED = 10, 8, 11
TEAMS = {"security": ["sam", "tess"]}
FLOOR = "    require: {mtls: PERMISSIVE}\n"


@pytest.fixture(scope="session")
def library() -> Path:
    (found,) = debian.unpacked("libfaketime").glob(LIBRARY)
    return found


class Answer(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def gates(self) -> dict[str, str]:
        """The verdicts of a plan, by gate."""
        assert self.out, self.err
        (proposal,) = json.loads(self.out)["proposals"]
        return {gate["name"]: gate["verdict"] for gate in proposal["gates"]}

    @property
    def refusals(self) -> set[str]:
        """The guards that say no to a plan."""
        (proposal,) = json.loads(self.out)["proposals"]
        return {refusal["guard"] for refusal in proposal["refusals"]}


class Site:
    """A repository that staging was promoted in, and machines that look at it."""

    def __init__(self, folder: Path, library: Path, environments: str) -> None:
        self.now = dt.datetime.now(dt.UTC)
        self.library = library
        self.cache = folder / "cache"
        self.environment: dict[str, str] = {}
        self.work = promoted.start(folder / "work")
        self.commit({"environments.yaml": environments}, -20 * DAY)
        for name in promoted.PINNED:
            self.promote(name, -19 * DAY, event=Event.ADOPT)
        self.hub = folder / "hub.git"
        promoted.git(folder, "init", "--quiet", "--bare", "-b", "main", "hub.git")
        promoted.git(self.work, "remote", "add", "origin", "../hub.git")
        self.push()

    def day(self, when: dt.timedelta) -> float:
        return (self.now + when - promoted.START) / DAY

    def commit(self, files: dict[str, str], when: dt.timedelta) -> str:
        return promoted.commit(self.work, files, "a change", day=self.day(when))  # type: ignore[arg-type]

    def promote(self, name: str, when: dt.timedelta, event: Event = Event.PROMOTE) -> None:
        promoted.promote(self.work, name, event=event, day=self.day(when))  # type: ignore[arg-type]

    def push(self) -> None:
        promoted.git(self.work, "push", "--quiet", "origin", "main")

    def pull(self) -> None:
        promoted.git(self.work, "fetch", "--quiet", "origin")
        promoted.git(self.work, "reset", "--quiet", "--hard", "origin/main")

    def strict_in_staging(self, when: dt.timedelta) -> None:
        """A release that staging has since then, and prod not."""
        self.commit(promoted.STRICT, when - HOUR)
        self.promote("staging", when)
        self.push()

    def run(
        self, *arguments: str, clock: dt.timedelta | str = dt.timedelta(), **variables: str
    ) -> Answer:
        """A command on a machine whose clock is so far ahead; as text: what libfaketime is told."""
        faked = clock if isinstance(clock, str) else f"{clock.total_seconds():+.0f}"
        done = subprocess.run(
            [sys.executable, "-m", "meshgate", "-C", str(self.work), *arguments],
            env={
                **{name: text for name, text in os.environ.items() if name != "CI"},
                "LD_PRELOAD": str(self.library),
                **({"FAKETIME": faked} if faked else {}),
                "XDG_CACHE_HOME": str(self.cache),
                **self.environment,
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def plan(self, clock: dt.timedelta | str = dt.timedelta(), **variables: str) -> Answer:
        return self.run("plan", "prod", "--format", "json", clock=clock, **variables)

    @contextlib.contextmanager
    def forge(self) -> Iterator[None]:
        """With a forge, whose clock is right."""
        fake = github.GitHub(lambda login: LocalForge(self.hub, login, teams=TEAMS))
        with fake.running():
            self.environment = {
                "MESHGATE_FORGE": "github",
                "MESHGATE_FORGE_URL": fake.url,
                "MESHGATE_FORGE_PROJECT": f"{github.OWNER}/{github.NAME}",
                "MESHGATE_FORGE_TOKEN": "token-of-promoter",
            }
            yield
            self.environment = {}

    def branches(self) -> str:
        return promoted.git(self.hub, "branch", "--list", "promote/*")


def environments(gate: str = "", windows: str = "") -> str:
    """The sample's, prod with one gate."""
    first, prod = promoted.ENVIRONMENTS.split("  - name: prod")
    gated = prod.replace("    gates: []\n    gatesWaived: a sample\n", "    gates: [it]\n")
    text = f"{first}  - name: prod{gated if gate else prod}"
    text = text.replace("    mode: pinned\n", f"    mode: pinned\n{FLOOR}")
    text = text.replace("mode: floating,", "mode: floating, require: {mtls: PERMISSIVE},")
    return text + (f"gates:\n  - {gate}\n" if gate else "") + windows


SOAK = "{name: it, type: soak, duration: 2d}"


@pytest.fixture
def soaking(tmp_path: Path, library: Path) -> Site:
    """Staging has the release for a day of two."""
    site = Site(tmp_path, library, environments(SOAK))
    site.strict_in_staging(-1 * DAY)
    return site


def test_a_soak_ends_by_the_right_clock_and_not_before(soaking: Site) -> None:
    assert soaking.plan().gates == {"it": "waiting"}
    assert soaking.plan(1 * DAY - MINUTE).gates == {"it": "waiting"}
    assert soaking.plan(1 * DAY + MINUTE).gates == {"it": "pass"}


@pytest.mark.parametrize("clock", [2 * DAY, 400 * DAY, -2 * HOUR, -30 * DAY])
def test_a_machine_that_is_not_at_the_forges_time_opens_nothing(
    soaking: Site, clock: dt.timedelta
) -> None:
    with soaking.forge():
        told = soaking.run("promote", "prod", clock=clock)
        # A record of before the one it follows is refused, besides.
        assert told.code in {WAITS, REFUSED}, told
        assert "PR25 this machine's clock is" in told.err
        assert not soaking.branches()

        opened = soaking.run("promote", "prod")
        assert opened.code == 0, opened.err
        merged = soaking.run("merge", "1", clock=clock)
        assert merged.code in {WAITS, REFUSED}, merged
        assert "PR25" in merged.err or "which is ahead" in merged.err
        gated = soaking.run("gate", "--all", clock=clock)
        assert gated.code in {WAITS, REFUSED}, gated
        # By the right clock the soak alone is left.
        right = soaking.run("merge", "1")
        assert right.code == WAITS
        assert "PR25" not in right.err
        assert "PR08" in right.err


@pytest.mark.parametrize("clock", [4 * MINUTE, -4 * MINUTE])
def test_a_few_minutes_are_nobodys_fault(soaking: Site, clock: dt.timedelta) -> None:
    with soaking.forge():
        told = soaking.run("promote", "prod", clock=clock)
        assert told.code == 0, told.err


def test_a_clock_that_jumps_back_waits_for_main(soaking: Site) -> None:
    """Without a forge: the newest commit is from the future of this machine."""
    told = soaking.plan(-2 * DAY)
    assert "PR25" in told.refusals
    promoted_late = soaking.run("promote", "prod", clock=-2 * DAY)
    assert promoted_late.code in {WAITS, REFUSED}
    assert "the newest commit of the base is of" in promoted_late.err
    assert not soaking.branches()


TRAFFIC = "{name: it, type: evidence, evidence: traffic, reporters: [probe], maxAge: 6h}"


@pytest.fixture
def watched(tmp_path: Path, library: Path) -> Site:
    site = Site(tmp_path, library, environments(TRAFFIC))
    site.strict_in_staging(-1 * DAY)
    return site


def see(site: Site, result: str, clock: dt.timedelta) -> None:
    """Evidence by a reporter whose clock is so far ahead, merged now."""
    told = site.run(
        *("evidence", "add", "staging", "--type", "traffic", "--cluster", "eu"),
        *("--result", result, "--reporter", "probe"),
        clock=clock,
    )
    assert told.code == 0, told.err
    site.commit({}, dt.timedelta())
    site.push()


def test_evidence_of_a_clock_that_is_ahead_opens_nothing_then_or_later(watched: Site) -> None:
    see(watched, "pass", 1 * DAY)
    for clock in (dt.timedelta(), 1 * DAY, 1 * DAY + HOUR, 2 * DAY):
        assert watched.plan(clock).gates == {"it": "fail"}


def test_evidence_gets_no_younger_where_the_clock_jumps_back(watched: Site) -> None:
    """It is 8 h old for whoever has the right clock, and 1 h for who is 7 h behind."""
    see(watched, "pass", -8 * HOUR)
    assert watched.plan().gates == {"it": "waiting"}
    told = watched.plan(-7 * HOUR)
    assert told.gates == {"it": "pass"}
    assert "PR25" in told.refusals, "and yet it opens nothing"


def test_evidence_of_a_clock_that_is_behind_is_only_older(watched: Site) -> None:
    see(watched, "pass", -5 * HOUR)
    assert watched.plan().gates == {"it": "pass"}
    assert watched.plan(1 * HOUR + MINUTE).gates == {"it": "waiting"}


def test_a_hold_ends_when_it_says_and_begins_again_where_the_clock_jumps_back(
    tmp_path: Path, library: Path
) -> None:
    site = Site(tmp_path, library, environments())
    site.strict_in_staging(-1 * DAY)
    until = (site.now + 2 * HOUR).isoformat(timespec="minutes")
    held = site.run("hold", "prod", "--reason", "audit", "--until", until, "--direct")
    assert held.code == 0, held.err
    for clock, open_ in ((110 * MINUTE, False), (121 * MINUTE, True), (dt.timedelta(), False)):
        assert ("PR11" not in site.plan(clock).refusals) is open_
    # Jumped back to before it was begun: held, and not to be believed.
    assert {"PR11", "PR25"} <= site.plan(-3 * HOUR).refusals


def test_what_becomes_of_a_record_of_the_future(tmp_path: Path, library: Path) -> None:
    site = Site(tmp_path, library, environments())
    site.strict_in_staging(-1 * DAY)
    ahead = site.run("hold", "prod", "--reason", "a wrong clock", "--direct", clock=3 * DAY)
    assert ahead.code == 0, "no forge, so nobody can tell that machine"
    site.pull()
    told = site.run("audit")
    assert told.code == TAMPERED
    assert "which is ahead" in told.out + told.err
    for arguments in (("plan", "prod"), ("resume", "prod", "--reason", "over", "--direct")):
        refused = site.run(*arguments)
        assert refused.code == REFUSED, refused
        assert "before the one it follows, which says" in refused.out + refused.err
        assert "an administrator reverts its commit" in refused.out + refused.err
    # The way out that it says.
    promoted.git(site.work, "revert", "--no-edit", "HEAD", day=site.day(dt.timedelta()))  # type: ignore[arg-type]
    site.push()
    assert site.run("audit").code == 0
    assert site.plan().code == 0


def test_two_machines_minutes_apart_write_one_ledger(tmp_path: Path, library: Path) -> None:
    site = Site(tmp_path, library, environments())
    first = site.run("hold", "prod", "--reason", "a", "--direct", clock=4 * MINUTE)
    second = site.run("resume", "prod", "--reason", "b", "--direct", clock=-30 * MINUTE / 60)
    assert (first.code, second.code) == (0, 0), second.err
    site.pull()
    whole = site.run("audit", "--deep")
    assert whole.code == 0, whole.out


WINDOWS = {
    # 02:30 is skipped in Berlin on 28 March 2027: it opens at 03:00, which is 01:00 UTC.
    "spring": ('cron: "30 2 * * *", duration: 1h', "Europe/Berlin", "2027-03-28T01:00"),
    # And comes twice on 31 October 2027: the first is 00:30 UTC.
    "autumn": ('cron: "30 2 * * *", duration: 1h', "Europe/Berlin", "2027-10-31T00:30"),
    # Clocks in Sydney go forward on 3 October 2027, at 16:00 UTC of the day before.
    "south": ('cron: "30 2 * * *", duration: 1h', "Australia/Sydney", "2027-10-02T16:00"),
    "midnight": ('cron: "0 0 * * *", duration: 1h', "America/New_York", "2027-03-15T04:00"),
    "date": (
        'from: "2027-03-28T02:30", to: "2027-03-29T00:00"',
        "Europe/Berlin",
        "2027-03-28T01:00",
    ),
}


@pytest.mark.parametrize("machine", ["UTC", "Europe/Berlin", "Australia/Sydney"])
@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_opens_at_its_minute_wherever_the_machine_is(
    tmp_path: Path, library: Path, name: str, machine: str
) -> None:
    when, zone, opens = WINDOWS[name]
    windows = f"windows:\n  - {{name: w, kind: allow, timezone: {zone}, {when}}}\n"
    site = Site(tmp_path, library, environments("{name: it, type: window}", windows))
    site.strict_in_staging(-1 * DAY)
    moment = dt.datetime.fromisoformat(opens).replace(tzinfo=dt.UTC)

    def verdict(at: dt.timedelta) -> dict[str, str]:
        ahead = moment + at - dt.datetime.fromtimestamp(time.time(), dt.UTC)
        return site.plan(ahead, TZ=machine).gates

    assert verdict(-30 * dt.timedelta(seconds=1)) == {"it": "waiting"}
    assert verdict(dt.timedelta(seconds=5)) == {"it": "pass"}
