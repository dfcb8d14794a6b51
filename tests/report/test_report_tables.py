"""Tables for a terminal: they fit, lose nothing, and break no name."""

from __future__ import annotations

import functools

from hypothesis import given
from hypothesis import strategies as st

from meshgate.report.escape.terminal import columns
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table

WORDS = st.lists(st.text("ab-é日", min_size=1, max_size=6), max_size=5).map(" ".join)
NAMES = st.lists(st.text("ab-", min_size=1, max_size=6), max_size=2).map("/".join)


@given(
    st.lists(st.lists(WORDS | NAMES, min_size=3, max_size=3), max_size=5),
    st.integers(50, 90),
)
def test_a_table_fits_its_width_and_loses_nothing(rows: list[list[str]], width: int) -> None:
    headings = [Column("one"), Column("two", soft=True), Column("three", right=True)]

    lines = list(
        table(headings, [[Cell(c) for c in row] for row in rows], Style(color=False), width)
    )

    assert all(columns(line) <= width for line in lines)
    shown = sorted("".join(lines[1:]).replace(" ", ""))
    assert shown == sorted("".join(cell for row in rows for cell in row).replace(" ", ""))


@given(
    st.lists(st.from_regex(r"[a-z]{1,12}(-[a-z]{1,12}){0,2}", fullmatch=True), min_size=4),
    st.sampled_from([60, 80, 200]),
)
def test_a_name_in_a_table_is_never_broken(names: list[str], width: int) -> None:
    headings = [Column("one"), Column("two"), Column("three", soft=True, spare=2)]
    whole = [(f"shop/{name}", f"{name}.shop.svc.cluster.local:8080") for name in names]
    rows = [[Cell(f"  {own}"), Cell(host), Cell(f"{own}, {host}")] for own, host in whole]

    lines = list(table(headings, rows, Style(color=False), width))

    assert all(any(name in line for line in lines) for pair in whole for name in pair)
    # A heading and one name that is longer than the terminal.
    assert all(columns(line) <= width or len(line.split()) <= 2 for line in lines)


def test_where_whole_names_do_not_fit_rows_are_told_in_lines() -> None:
    headings = [Column("clients"), Column("sends"), Column("outcome", spare=1)]
    rows = [
        [Cell("cart.shop.svc.cluster.local:8080")],
        [Cell("  istio-ingress/istio-ingressgateway"), Cell("mtls"), Cell("denied by shop/cart")],
        [Cell(""), Cell("plaintext"), Cell("-")],
        [Cell("web.shop.svc.cluster.local:8080")],
        [Cell("  shop/a-name-of-no-less-than-fifty-signs-which-stays-whole"), Cell(""), Cell("x")],
    ]

    assert list(table(headings, rows, Style(color=False), 40)) == [
        "cart.shop.svc.cluster.local:8080",
        "  clients  istio-ingress/istio-ingressgateway",
        "  sends    mtls",
        "  outcome  denied by shop/cart",
        "",
        "  clients  istio-ingress/istio-ingressgateway",
        "  sends    plaintext",
        "",
        "web.shop.svc.cluster.local:8080",
        "  clients  shop/a-name-of-no-less-than-fifty-signs-which-stays-whole",
        "  outcome  x",
    ]


def test_what_a_reader_can_spare_is_left_out_and_said() -> None:
    headings = [Column("when", whole=True), Column("who", spare=1), Column("why", spare=2)]
    row = [Cell("2026-08-01 10:00 UTC"), Cell("a-name-of-twenty-one"), Cell("because-it-is-so")]
    draw = functools.partial(table, headings, [row], Style(color=False))

    assert list(draw(80))[1] == "2026-08-01 10:00 UTC  a-name-of-twenty-one  because-it-is-so"
    assert list(draw(44))[1:] == [
        "2026-08-01 10:00 UTC  a-name-of-twenty-one",
        "(not shown in 44 columns: why)",
    ]
    assert list(draw(40))[1:] == ["2026-08-01 10:00 UTC", "(not shown in 40 columns: who and why)"]
