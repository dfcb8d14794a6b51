"""Interrupts reach what tests start."""

from __future__ import annotations

import signal


def heed_signals() -> None:
    """Let programs that tests start be interrupted, also where this run itself may not be.

    A job in the background of a shell, or under nohup, ignores SIGINT or SIGHUP, and what it starts
    inherits that; a program started while a signal has a handler starts with the signal's default.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
