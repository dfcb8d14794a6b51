"""A colon right before `,`, `]` or `}`: text to Go's YAML reader, an error to libyaml."""

from __future__ import annotations

import yaml

REFUSED = "found unexpected ':'"
# Each one costs another parse of the text, so both are bounded; beyond, the error stands.
MOST, LONGEST = 10, 1 << 20


def quoted(text: str, error: yaml.MarkedYAMLError) -> str | None:
    """The text with the scalar that libyaml refused in quotes; None for any other error.

    go-yaml ends an unquoted scalar between brackets at a colon only before a blank (scannerc.go,
    yaml_parser_scan_plain_scalar), so the IPv6 network in `[10.0.0.0, fd00::]` is text to it.
    """
    start, colon = error.context_mark, error.problem_mark
    if error.problem != REFUSED or start is None or colon is None or len(text) > LONGEST:
        return None
    end = colon.index + 1
    if text[end : end + 1] not in {",", "]", "}"}:
        return None
    scalar = text[start.index : end].replace("'", "''")
    return f"{text[: start.index]}'{scalar}'{text[end:]}"
