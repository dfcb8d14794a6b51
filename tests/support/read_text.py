"""Read a text as manifests, for tests of the readers."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate import source
from meshgate.errors import BuildError


def one(text: str) -> Any:
    (resource,) = source.read(text.encode(), "f.yaml").resources
    return resource.value


def refusal(content: bytes | str) -> BuildError:
    with pytest.raises(BuildError) as caught:
        source.read(content if isinstance(content, bytes) else content.encode(), "f.yaml")
    assert "f.yaml" in caught.value.what
    return caught.value
