"""A cluster of a recording that answers as a test wants."""

from __future__ import annotations

from typing import Any

import pytest

from live_objects import deployment, namespace, pods, proxy

Capture = pytest.CaptureFixture[str]
LOGIN_PAGE = "<html>\n::error::you are hacked\n##[group]x\n<form>log in</form></html>"


def told(capsys: Capture) -> str:
    """The error, no line of which is a command for the log of a CI job."""
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in text.splitlines())
    return text


def running_cart() -> list[Any]:
    """A cluster with two pods that have sidecars."""
    cart = deployment("shop", "cart")
    return [namespace("shop"), cart, *pods(cart, proxy("sidecar"), proxy("sidecar"))]
