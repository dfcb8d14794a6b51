"""PR20-PR22: rules come from the base, exceptions are in date, signatures are of those who may."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards.guard import FORWARD, Guard, Objection, known

TOOL = "meshgate"
# What decides how a promotion is judged.
RULES = ("environments.yaml", "waivers/", "inventory/", "expectations/", "schemas/", "scripts/")


def is_judged_by_base(candidate: Candidate) -> Iterator[Objection]:
    """PR20."""
    if candidate.configured_from != candidate.base.commit:
        yield Objection(
            f"its rules were read at {candidate.configured_from[:12]}, and the base is "
            f"{candidate.base.commit[:12]}"
        )
    for change in candidate.changed:
        if change.path.startswith(RULES):
            yield Objection(f"{change.path} is {change.kind}: it decides how this is judged")
    if candidate.record.tool.get("name") != TOOL:
        yield Objection(f"its record was not written by {TOOL}")


def exceptions_hold(candidate: Candidate) -> Iterator[Objection]:
    """PR21."""
    environment, file = candidate.environment, f"waivers/{candidate.name}.yaml"
    for waiver in environment.waivers:
        if waiver.expires < candidate.today:
            yield Objection(
                f"{file}: the waiver of {waiver.rule} for {waiver.place} ended on {waiver.expires}"
            )
    for difference in environment.differences:
        if difference.expires < candidate.today:
            yield Objection(
                f"{file}: the difference of {difference.workload} ended on {difference.expires}"
            )


def is_signed(candidate: Candidate) -> Iterator[Objection]:
    """PR22."""
    if not candidate.policy.allowed_signers:
        return
    signature = known(candidate.signature, "the signature of the head commit")
    if signature.problem or not signature.signer:
        yield Objection(f"the head commit: {signature.problem or 'nobody signed it'}")


BASE = Guard(
    id="PR20",
    name="judges-itself",
    summary="the rules it is judged by are not those of the base branch",
    why="A pull request that brings its own rules passes them.",
    hint="change the rules in a pull request of their own, and promote when it is merged",
    status="scope",
    check=is_judged_by_base,
)
IN_DATE = Guard(
    id="PR21",
    name="expired-exceptions",
    summary="a waiver or a declared difference of this environment has expired",
    why="An exception is a promise with a date. After that day nobody has agreed to it.",
    hint="renew it with its owner, or mend what it excused",
    status="effects",
    check=exceptions_hold,
    events=FORWARD,
)
SIGNED = Guard(
    id="PR22",
    name="unsigned",
    summary="the head commit is not signed by one of `signatures.allowedSigners`",
    why="Who can push to a branch is not who may promote.",
    hint="let the job that promotes sign its commit; docs/promotion.md tells how",
    status="scope",
    check=is_signed,
)
