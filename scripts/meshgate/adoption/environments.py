"""Which environment a folder, a file or a name belongs to, by the words that people use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

# In the order a change passes through them.
WORDS = {
    **dict.fromkeys(("local", "sandbox", "lab"), 0),
    **dict.fromkeys(("dev", "develop", "development"), 1),
    **dict.fromkeys(("test", "testing", "tst", "ci"), 2),
    **dict.fromkeys(("qa", "int", "integration", "uat", "acceptance"), 3),
    **dict.fromkeys(("stage", "staging", "stg"), 4),
    **dict.fromkeys(("preprod", "pre-prod", "preproduction", "canary", "demo"), 5),
    **dict.fromkeys(("prod", "production", "prd", "live"), 6),
}
UNKNOWN = 4
# Folders whose folders are environments, or clusters.
PARENTS = frozenset(
    {"overlays", "overlay", "environments", "environment", "envs", "env", "stages", "clusters"}
)
SHARED = frozenset({"base", "bases", "common", "shared", "components", "default", "all"})
UNFIT = re.compile(r"[^a-z0-9-]+")
PARTS = re.compile(r"[-_.\s]")
LONGEST = 40


def environment_in(texts: Iterable[str]) -> str:
    """The environment that the first of some paths or names tells; empty: none does."""
    for text in texts:
        parts = [part for part in text.strip("./").split("/") if part]
        if name := _of_parent(parts) or _of_word(parts) or _in_word(parts):
            return name
    return ""


def usual_place(name: str) -> int:
    """Where an environment stands in the usual order."""
    ranks = [WORDS[part] for part in (name, *PARTS.split(name)) if part in WORDS]
    return ranks[0] if ranks else UNKNOWN


def environment_name(name: str) -> str:
    """A name as environments.yaml takes it."""
    return UNFIT.sub("-", name.lower()).strip("-")[:LONGEST].strip("-") or "default"


def _of_parent(parts: list[str]) -> str:
    for parent, part in itertools.pairwise(parts):
        if parent in PARENTS and part not in SHARED | PARENTS and "." not in part:
            return environment_name(part)
    return ""


def _of_word(parts: list[str]) -> str:
    return next((environment_name(part) for part in reversed(parts) if part.lower() in WORDS), "")


def _in_word(parts: list[str]) -> str:
    for part in reversed(parts):
        words = PARTS.split(part.lower())
        for word in (words[-1], words[0], *words[1:-1]):
            if word in WORDS:
                return word
        # `values.prod.yaml`, `values-prod.yaml`: the suffix is no word of it.
        stem = part.lower().removesuffix(".yaml").removesuffix(".yml")
        if (last := PARTS.split(stem)[-1]) in WORDS:
            return last
    return ""
