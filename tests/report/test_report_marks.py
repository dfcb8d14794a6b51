"""The mark under a source line stands below the value that is wrong."""

from __future__ import annotations

import pytest

from meshgate.report.excerpt import marked


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ("      mode: STRICT", 7, "STRICT"),
        ("      mode: STRICT   # on purpose", 7, "STRICT"),
        ('  host: "*.local"', 3, '"*.local"'),
        ("  host: '*.local'  # all", 3, "'*.local'"),
        ('    "9102": DISABLE', 5, "DISABLE"),
        ("mtls: {mode: PERMISSIVE}", 8, "PERMISSIVE"),
        ("tls: {mode: DISABLE, sni: a}", 7, "DISABLE"),
        ("reason: two words # why", 1, "two words"),
        ("spec:", 1, "spec:"),
        ("spec: # all of it", 1, "spec:"),
        ("mtls: {mode: STRICT}", 1, "mtls:"),
        ("text: |", 1, "text:"),
        ("base: &anchor", 1, "base:"),
        ("apiVersion: v1", 1, "apiVersion:"),
        ("kind: Pod", 1, "kind:"),
        ("- STRICT", 3, "STRICT"),
        ("- name: web", 3, "web"),
        ("image: a:b", 1, "a:b"),
        ("url: https://x.example/a", 1, "https://x.example/a"),
        ("key:  ", 1, "key:"),
        ("", 1, ""),
        ("x: ä€😀", 1, "ä€😀"),
    ],
)
def test_what_is_marked(line: str, column: int, expected: str) -> None:
    start, stop = marked(line, column - 1)

    assert line[start:stop] == expected


def test_a_line_of_megabytes_is_not_read_through() -> None:
    start, stop = marked("key: " + "x" * 10_000_000, 0)

    assert (start, stop) == (5, 1000)
