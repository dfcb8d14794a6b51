"""What other clocks say of this machine's: soaks, windows, holds and end dates are judged by it."""

from __future__ import annotations

import datetime

from msgspec import Struct


class Clocks(Struct, frozen=True):
    """Times of others, read in one run.

    forge  how far the forge's clock is ahead of this machine's (negative: behind); None: no forge
           was asked, or it does not tell
    base   when the newest commit of the base branch was made, by the clock of whoever made it
    """

    forge: datetime.timedelta | None = None
    base: datetime.datetime | None = None
