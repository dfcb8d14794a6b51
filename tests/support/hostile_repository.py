"""A change of this repository with names that an attacker chose."""

from __future__ import annotations

from pathlib import Path


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


HOSTILE = "x\x1b[31m|`<script>"
