"""Where this repository and its tests lie, for tests in any folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate.cli.options import cache_folder

TESTS = Path(__file__).parents[1]
REPOSITORY = TESTS.parent
# Renders are kept where commands keep them, by all that goes into them: from run to run.
CACHE = cache_folder(argparse.Namespace(no_cache=False))
