"""The effect of a change as its record tells it: written by promotion, computed anew by guards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from meshgate.effect import Change, Effect, Strength, codec
from meshgate.effect.describe import PORT_VERBS, VERBS, counted
from meshgate.model import JSON, JSONObject
from meshgate.promotion.records import Effects, InventoryUsed


def counted_effects(effects: Effects) -> Iterator[str]:
    """What a record says of an effect, in numbers: `2 ports tighten`; what is nothing is left out.

    The good news of ports first, as it is what most promotions are for.
    """
    for items, noun, verb in (
        (effects.tightened, "port", PORT_VERBS[Strength.TIGHTENED]),
        (effects.loosened, "port", PORT_VERBS[Strength.LOOSENED]),
        (effects.breaks, "call", VERBS[Change.BREAKS]),
        (effects.opened, "call", VERBS[Change.OPENED]),
        (effects.closed, "call", VERBS[Change.CLOSED]),
    ):
        if items:
            yield counted(len(items), noun, verb)


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
