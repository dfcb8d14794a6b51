"""A port that accepts more than before.

What it checks
    Every port of every workload that is known before and after: its mode must not get weaker,
    whichever object the change is in. A port that loses its sidecar, or that its sidecar no longer
    captures, is weaker too. `differences` in `waivers/<environment>.yaml` declare exceptions, port
    by port; an ordinary waiver names the policy.

    ```yaml
    # waivers/prod.yaml
    differences:
      - workload: boards/boards
        port: 9102
        owner: team-boards
        reason: scraped without certificates until monitoring has sidecars
        expires: 2027-01-31
    ```

Why it matters
    A port that takes plaintext lets in every client of the network, without any identity, and no
    call fails that would tell somebody. Weaker policies come in by merges, by patches that match
    more than was meant, and by rollbacks.

How to fix
    Keep the stronger mode, or declare who needs the weaker one, why, and until when.

Known gaps
    A workload that is new has no before; PA001 judges it against the floor.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import PortChange, PortState, Strength
from meshgate.model import Resource, Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.transformed import removing_patch
from meshgate.rules.waiver_use import declared_differences
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    if context.effect is None:
        return
    declared = declared_differences(context)
    groups: dict[object, list[PortChange]] = {}
    for each in (*context.effect.ports, *context.effect.open_ports):
        exceptions = {(str(each.workload), None), (str(each.workload), each.port)}
        if each.change is Strength.LOOSENED and declared.isdisjoint(exceptions):
            policy, path = _place(each)
            ref = policy.ref if policy is not None else None
            key = ref, path, each.before.mode, each.after.mode, each.decided, each.reason
            groups.setdefault(key, []).append(each)
    for changes in groups.values():
        yield _violation(context, changes)


def _violation(context: Context, changes: list[PortChange]) -> Violation:
    first = changes[0]
    policy, path = _place(first)
    was = first.before.decided_by.policy
    modes = f"{_modes(first.before)} to {_modes(first.after)}"
    verb = ("gets", "get")[len(changes) > 1]
    text = f"{listed(map(str, changes))} {verb if first.decided else 'may get'} weaker: {modes}"
    if first.after.decided_by.policy is None:
        text += ", since no policy decides any more"
    patch = removing_patch(context, was) if was is not None else None
    if patch:
        text += f"; the patch in {patch.origin.file} deletes {was}"
    return Violation(
        policy,
        path,
        text if first.decided else f"{text}; {first.reason}",
        related=(RelatedResource(was, "decided before"),)
        if was is not None and was is not policy
        else (),
        decided=first.decided,
        source=patch.position if patch else None,
        key=modes,
    )


def _modes(state: PortState) -> str:
    return " or ".join(str(mode or "no mode") for mode in state.modes or (state.mode,))


def _place(each: PortChange) -> tuple[Resource | None, str]:
    """What decides now, else what decided before. None where the workload itself has changed."""
    now, was = each.after.decided_by.policy, each.before.decided_by.policy
    # What is not managed here cannot be edited here.
    policy = was if now is None or (now.foreign and was is not None and not was.foreign) else now
    return policy, pa.port_path(policy, each.port) if policy is not None else ""


RULE = Rule(
    id="TR002",
    name="weakened-port",
    severity=Severity.ERROR,
    summary="A port accepts more than before.",
    fix="keep the stronger mode, or declare the difference in waivers/<environment>.yaml",
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
