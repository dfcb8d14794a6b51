"""Windows as environments.yaml has them."""

from __future__ import annotations

import msgspec

from meshgate.model import JSONObject, WindowEntry
from meshgate.promotion.windows import Window, read_window


def window(entry: JSONObject) -> Window:
    return read_window(msgspec.convert(entry, WindowEntry))
