"""What AuthorizationPolicies let in over one connection, as part of what becomes of a call."""

from __future__ import annotations

import dataclasses

from msgspec import Struct

from meshgate.mesh.authorization import (
    AccessChange,
    Allows,
    Authorization,
    Connection,
    Decision,
    Enforcer,
    PolicyStep,
    Server,
    Side,
    access_change,
    opened_between,
)
from meshgate.mesh.authorization.boxes import TooComplexError
from meshgate.mesh.authorization.projection import UndecidableError


class Admission(Struct, frozen=True, eq=False):
    """What a server lets in of a client. Equal where the same requests are let in, in any mesh.

    connection  one of the connections: the clients of one class may differ in their identities
    reason      why it is unknown; empty: it is known
    """

    authorization: Authorization
    server: Server
    connection: Connection
    decision: Decision
    key: tuple[object, ...]
    reason: str = ""

    @classmethod
    def of(
        cls, authorization: Authorization, server: Server, connection: Connection
    ) -> Admission | None:
        """The admission of a connection; None: no policy applies to the server."""
        applied = authorization.applied(server)
        if not (applied.policies or applied.authentications or applied.undecided):
            return None
        decision = authorization.allowed(server, connection)
        reason = decision.reason if decision.allows is Allows.UNKNOWN else ""
        meaning = authorization.free_rules(server, connection).meaning
        key = (*meaning, decision.allows, reason, authorization.normalization)
        return cls(authorization, server, connection, decision, key, reason)

    def at(self, server: Server, connection: Connection) -> Admission:
        """The same of another server and connection, of which the same is decided."""
        return Admission(
            self.authorization, server, connection, self.decision, self.key, self.reason
        )

    @property
    def allows(self) -> Allows:
        """Which requests are let in; unknown where `reason` says why."""
        return Allows.UNKNOWN if self.reason else self.decision.allows

    @property
    def is_of_authorizer(self) -> bool:
        """Whether it is unknown for what an external authorizer decides, and for nothing else."""
        decision = self.decision
        return bool(
            self.reason == decision.reason
            and decision.access is not None
            and decision.access.asked
            and not decision.access.asks_for_addresses
        )

    @property
    def side(self) -> Side:
        """The same as one side of a comparison."""
        return Side(self.authorization, self.server, self.connection)

    def steps(self) -> tuple[PolicyStep, ...]:
        """Each policy in the order of evaluation; empty where their decision is not known."""
        try:
            return self.authorization.explain(self.server, self.connection)
        except (TooComplexError, UndecidableError):
            return ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Admission) and self.key == other.key

    def __hash__(self) -> int:
        return hash((self.decision.allows, self.reason))


def opens_between(
    before: Admission | None, between: Admission | None, after: Admission | None
) -> str | bool:
    """Whether a state on the way lets in what neither end does; a text: why that is not known.

    None: no policy applies there, so that everything is let in.
    """
    if before is None or after is None or between in {before, after}:
        return False
    sides = [before.side, (between or before).side, after.side]
    if between is None:
        free = dataclasses.replace(before.server, enforcer=Enforcer.NONE)
        sides[1] = Side(before.authorization, free, before.connection)
    return opened_between(*sides)


def change(
    before: Admission | None, after: Admission | None, old: Authorization, new: Authorization
) -> AccessChange:
    """What changes for the requests of a client; `old` and `new` are those of the two meshes.

    None: no policy applies there, so that everything is let in.
    """
    if before == after:
        return AccessChange()
    for admission in (before, after):
        if admission is not None and admission.reason:
            return AccessChange(reason=admission.reason)
    known = after or before
    assert known is not None
    # Nothing is enforced there, though what policies are matched with may be the same.
    free = dataclasses.replace(known.server, enforcer=Enforcer.NONE)
    first = before.side if before is not None else Side(old, free, known.connection)
    second = after.side if after is not None else Side(new, free, known.connection)
    return access_change(first, second)
