"""The guards' page, docs/guards.md, from the guards themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.promotion.environment_state import Event
from meshgate.promotion.guards import Guard

INTRODUCTION = """\
# Guards

What refuses a promotion, whoever opened it and however it was approved. Each guard is asked anew
whenever a promotion is planned, opened, checked, gated and merged; nothing that was green before is
believed. What a guard needs and cannot find out is a refusal, and so is a guard that fails.

- *Check*: `meshgate check` asks it, from files alone. The rest need time or a forge, and are asked
  by `meshgate plan`, `promote`, `gate` and `merge`.
- *Status*: where `meshgate gate` shows it, below `promotion/`; all of them count in
  `promotion/gate`.
- Rules, waivers, inventory and evidence are read from the base branch; the head is data.
- Where there is no forge, PR15 and PR19 cannot ask anybody: who may merge is then up to git.
- The word of a team, in PR15 and PR24, is that of a member who neither asked for the promotion nor
  opened its pull request; `approvals.notRequester: false` lets these agree, too, as in PR19.
- PR24 is asked where `require.newAccess` is `reviewed`. Without a forge it waits (10) as PR23 does.
- PR23 is asked of every pull request, also of one that promotes nothing. Without a forge it waits
  (10) and says whose approval it needs: it never passes. A promotion is judged by the rules of the
  base, and again by those before each change that loosened them and that nobody of
  `approvals.rules` agreed to, be it in the pull request that changed them or in the promotion. With
  a forge that holds for all such changes; without one for those since the environment last got
  something, or since the release's source, and acknowledgements are taken as they stand there.

What the forge must hold: a ruleset on the base branch that requires a pull request and the status
`promotion/gate` from the gate's App, dismisses approvals on a push, and lets nobody push directly.
Gitea and Forgejo take a required status from anybody who may write to the repository, and so does
GitLab without external status checks: there only the bot may write to what is merged from, and
`meshgate merge`, which judges once more, merges.

"""
COLUMNS = "| Guard | Refuses what | Judges | Check | Status |\n|---|---|---|---|---|\n"


def guards_page(guards: Iterable[Guard]) -> str:
    """A table, and a section for each guard."""
    listed = list(guards)
    rows = "".join(map(_row, listed))
    return INTRODUCTION + COLUMNS + rows + "".join(map(_section, listed))


def _row(guard: Guard) -> str:
    check = "yes" if guard.by_files else ""
    anchor = f"[{guard.id}](#{guard.id.lower()}-{guard.name})"
    return f"| {anchor} | {guard.summary} | {_events(guard)} | {check} | {guard.status} |\n"


def _events(guard: Guard) -> str:
    if guard.events == frozenset(Event):
        return "every event"
    return ", ".join(event.value for event in Event if event in guard.events)


def _section(guard: Guard) -> str:
    return "".join(_lines(guard))


def _lines(guard: Guard) -> Iterator[str]:
    yield f"\n## {guard.id} {guard.name}\n\n"
    yield f"{guard.summary[0].upper()}{guard.summary[1:]}. {guard.why}\n\n"
    if guard.asks_forge:
        yield "It asks the forge.\n\n"
    yield f"What to do: {guard.hint}.\n"
