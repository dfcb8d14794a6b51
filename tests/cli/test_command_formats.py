"""What a command publishes is what its help and its line take."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from meshgate.cli import COMMANDS, formats_of

PUBLISHED = re.compile(r"\bpublish\(\s*(\w+),")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_each_format_that_it_publishes(command: str) -> None:
    module = importlib.import_module(f"meshgate.cli.{command.replace('-', '_')}")
    for name in PUBLISHED.findall(inspect.getsource(module)):
        assert set(vars(module)[name]) <= set(formats_of(module))
