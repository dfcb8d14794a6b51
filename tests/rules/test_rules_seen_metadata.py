"""What was seen of metadata on real agents is what RE008 refuses and its page tells."""

from __future__ import annotations

import pytest

from meshgate.model import Resource
from meshgate.rules.pages import page
from meshgate.rules.re008_kept_out_of_cluster import RULE
from meshgate.rules.seen_metadata import SEEN, SeenMark, listing
from meshgate.rules.sync_metadata import metadata_faults


@pytest.mark.parametrize("row", SEEN, ids=lambda row: f"{row.agent}-{row.shown}-{row.seen.name}")
def test_each_is_refused_and_on_the_page(row: SeenMark) -> None:
    value = {row.key: row.value} if row.key else [row.value]
    marked = Resource.of(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "cart", "namespace": "shop", row.field: value},
            "spec": {"host": "cart.shop.svc.cluster.local"},
        }
    )
    assert list(metadata_faults(marked, live=False))


def test_the_page_tells_of_what_was_seen_and_of_nothing_else() -> None:
    told = [line for line in page(RULE).splitlines() if line.startswith(("- ", "  - "))]
    assert told == list(listing())
    assert sum(line.startswith("  - ") for line in told) == len(SEEN)
