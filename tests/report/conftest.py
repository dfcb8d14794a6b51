"""The mesh of a shop, as reports see it."""

from __future__ import annotations

import pytest

from meshgate.report.view import View
from shop_reports import shop, view_of


@pytest.fixture(scope="module")
def view() -> View:
    return view_of(shop())
