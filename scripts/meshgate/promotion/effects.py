"""The effect of a change as a record keeps it: changed ports, broken calls, uncovered defaults."""

from __future__ import annotations

import hashlib
import json

from meshgate.effect import Effect, codec
from meshgate.model import JSONObject
from meshgate.promotion.values import Effects


def recorded(effect: Effect, inventory: JSONObject, ports: int) -> Effects:
    """What a record says of an effect. `ports`: how many server ports the mesh has."""
    parts = {
        "tightened": list(map(codec.port, effect.tightened)),
        "loosened": list(map(codec.port, effect.loosened)),
        "breaks": list(map(codec.call, effect.breaks)),
        "deleted": [codec.deleted(each) for each in effect.uncovered if each.is_deleted],
    }
    text = json.dumps(parts, sort_keys=True).encode()
    return Effects(
        digest=hashlib.sha256(text).hexdigest(),
        inventory=inventory,
        tightened=tuple(parts["tightened"]),
        loosened=tuple(parts["loosened"]),
        unchanged=max(0, ports - len(effect.tightened) - len(effect.loosened)),
        breaks=tuple(parts["breaks"]),
        deleted=tuple(parts["deleted"]),
    )
