"""Roll back: the bytes of an earlier record, as they were, and a hold that keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.errors import IntegrityError, NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion.advance import Proposal
from meshgate.promotion.files import below, ledger_folder, rendered_folder, rendered_sum
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, make, refuse
from meshgate.promotion.flows.proposing import Opened, propose
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.rendering import tool
from meshgate.promotion.snapshot import at_commit, contents
from meshgate.promotion.values import (
    Bypass,
    EnvironmentState,
    Event,
    Hold,
    PromotionRecord,
    Release,
)
from meshgate.repository import additions
from meshgate.schema import check

LINT = "PR12"
SHOWN = 5


def reverted(ground: Ground, name: str, to: int, *, reason: str, ticket: str = "") -> Made:
    """The commit that puts an environment back to a record of its ledger.

    Raises UsageError for a sequence that is not there, NothingToPromoteError for one that changes
    nothing, IntegrityError where the recorded bytes are not to be found, RefusedError for bytes
    that the cluster would not take.
    """
    policy, state = ground.adopted(name)
    target = _target(ground, state, to)
    files = recorded_bytes(ground, target)
    _refuse_unservable(ground, policy, files)
    proposal = Proposal(
        environment=name,
        event=Event.ROLLBACK,
        created_at=ground.now,
        release=Release(target.release, target.alias, target.source),
        files=files,
        overlay=target.rendered.overlay,
        hold=Hold(
            since=ground.now.replace(microsecond=0),
            by=ground.setting.login,
            reason=f"rolled back to sequence {to}: {reason}",
            blocks=(Event.PROMOTE, Event.HOTFIX),
        ),
        # What a rule of today forbids may be what worked then; the ticket answers for it.
        bypasses=(Bypass(LINT, ground.setting.login, reason, ticket),) if ticket else (),
        requested_by=ground.setting.requested_by,
        reason=reason,
        ticket=ticket,
        tool=tool(ground.repository, ground.base.commit),
    )
    return make(ground, state, proposal)


def roll_back(
    ground: Ground, name: str, to: int, *, reason: str, ticket: str = "", refresh: bool = False
) -> Opened:
    """The pull request of a rollback. Raises as `reverted`, and RefusedError for a guard."""
    made = reverted(ground, name, to, reason=reason, ticket=ticket)
    refuse(made)
    return propose(ground, made, refresh=refresh, again=True)


def _target(ground: Ground, state: EnvironmentState, to: int) -> PromotionRecord:
    name = state.environment
    records = {one.record.sequence: one.record for one in read_ledger(ground.files, name)}
    target = records.get(to)
    if target is None or not target.event.changes_render:
        known = [
            f"{record.sequence} ({record.alias})"
            for record in records.values()
            if record.event.changes_render and record.rendered.sha256 != state.rendered.sha256
        ]
        raise UsageError(
            f"{name} has no sequence {to} that rendered anything",
            hint=f"it has {', '.join(known)}" if known else f"see `meshgate history {name}`",
        )
    if target.rendered.sha256 == state.rendered.sha256:
        raise NothingToPromoteError(f"{name} has what sequence {to} had already")
    return target


def recorded_bytes(ground: Ground, record: PromotionRecord) -> dict[str, bytes]:
    """The rendered files of a record, from the commit that brought it. Raises IntegrityError."""
    name, repository = record.environment, ground.repository
    brought = additions(repository, ground.base.commit, ledger_folder(name)).get(record.path)
    if brought is not None:
        files = below(contents(at_commit(repository, brought)), rendered_folder(name))
        if rendered_sum(name, files) == record.rendered.sha256:
            return files
    raise IntegrityError(
        f"{record.path}: the bytes it tells of are not in the commit that brought it",
        why=f"rendered/{name} there has not the digest {record.rendered.sha256[:12]}...",
        hint="`meshgate audit` tells what was changed",
    )


def _refuse_unservable(
    ground: Ground, policy: EnvironmentPolicy, files: Mapping[str, bytes]
) -> None:
    """Raise RefusedError for objects that the Istio of today does not serve."""
    environment = ground.base.environment(policy.name)
    violations = check(
        ground.objects(files),
        istio=environment.mesh.istio,
        engine=ground.base.engine,
        allowed=environment.require.kinds,
    )
    if violations:
        lines = [
            f"{violation.rule} {violation.resource}: {violation.message}"
            for violation in violations
        ]
        raise RefusedError(
            f"{policy.name} runs Istio {environment.mesh.istio}, which refuses what was there then",
            why="\n".join(lines[:SHOWN]),
            hint="roll back to a later sequence, or mend it by `meshgate hotfix`",
        )
