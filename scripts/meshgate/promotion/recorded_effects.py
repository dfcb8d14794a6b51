"""The effect of a change as its record tells it: written by promotion, computed anew by guards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from meshgate.effect import Change, Effect, Strength, codec
from meshgate.effect.describe import PORT_VERBS, VERBS, count_verbs, counted
from meshgate.model import JSON, JSONObject
from meshgate.promotion.records import Effects, InventoryUsed, RecordedCall

_VERBS = {change.value: verb for change, verb in VERBS.items()}


def counted_effects(effects: Effects) -> Iterator[str]:
    """What a record says of an effect, in numbers: `2 ports tighten`; what is nothing is left out.

    The gravest first, as a verdict has them.
    """
    ports = ((Strength.LOOSENED, effects.loosened), (Strength.TIGHTENED, effects.tightened))
    for strength, changed in ports:
        if changed:
            yield counted(len(changed), "port", PORT_VERBS[strength])
    calls = (
        (_VERBS.get(str(each.get("change")), VERBS[usual]), count_calls([each]))
        for usual, recorded in (
            (Change.BREAKS, effects.breaks),
            (Change.CLOSED, effects.closed),
            (Change.OPENED, effects.opened),
        )
        for each in recorded
    )
    for verb, count in count_verbs(calls).items():
        yield counted(count, "call", verb)


def count_calls(recorded: Iterable[RecordedCall]) -> int:
    """How many calls there are in the groups of a record."""
    return sum(each.get("count", 1) for each in recorded)


def recorded_effects(effect: Effect, inventory: InventoryUsed, ports: int) -> Effects:
    """What a record says of an effect. `ports`: how many server ports the mesh has."""
    parts: JSONObject = {
        "tightened": list(map(codec.port, effect.tightened)),
        "loosened": list(map(codec.port, effect.loosened)),
        "breaks": list(map(codec.call, effect.breaks)),
        "deleted": [codec.deleted(gone) for gone in effect.uncovered if gone.is_deleted],
    }
    # A digest of old has neither, so one without them stays what it was.
    access: dict[str, list[JSON]] = {
        "opened": list(map(codec.call, effect.opened)),
        "closed": list(map(codec.call, effect.closed)),
    }
    parts |= {key: admitted for key, admitted in access.items() if admitted}
    text = json.dumps(parts, sort_keys=True).encode()
    return Effects(
        digest=hashlib.sha256(text).hexdigest(),
        inventory=inventory,
        tightened=tuple(parts["tightened"]),
        loosened=tuple(parts["loosened"]),
        unchanged=max(0, ports - len(effect.tightened) - len(effect.loosened)),
        breaks=tuple(parts["breaks"]),
        deleted=tuple(parts["deleted"]),
        opened=tuple(access["opened"]),
        closed=tuple(access["closed"]),
    )
