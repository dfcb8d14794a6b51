"""Commands that a GitHub Actions job prints to annotate a file.

The escapes are those that the runner undoes (actions/runner, Runner.Common/ActionCommand.cs).
"""

from __future__ import annotations

from collections.abc import Mapping

DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def command(name: str, properties: Mapping[str, str | int], message: str) -> str:
    """One command, on one line. `message` may have several."""
    settings = ",".join(
        f"{key}={str(value).translate(PROPERTY)}" for key, value in properties.items()
    )
    space = " " if settings else ""
    return f"::{name}{space}{settings}::{message.translate(DATA)}"
