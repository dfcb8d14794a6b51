"""What people do to a repository between two promotions."""

from __future__ import annotations

import promoted
from pipeline import Pipeline

RULE = "policies/shop/destinationrule-cart.yaml"


def edited(pipeline: Pipeline, branch: str) -> str:
    """Somebody pushes a commit to a branch; its id."""
    promoted.git(pipeline.work, "fetch", "--quiet", "origin")
    promoted.git(pipeline.work, "switch", "--quiet", "-C", branch, f"origin/{branch}")
    prepared = promoted.commit(
        pipeline.work, {"rendered/staging/extra.yaml": "kind: Pod\n"}, "by hand", day=11
    )
    promoted.git(pipeline.work, "push", "--quiet", "origin", branch)
    promoted.git(pipeline.work, "switch", "--quiet", "main")
    return prepared


def repair(pipeline: Pipeline, branch: str, text: str = f"{promoted.RULE}  exportTo: [.]\n") -> str:
    """A branch on prod's source with a small edit, pushed."""
    source = pipeline.state("prod").source.commit
    promoted.git(pipeline.work, "switch", "--quiet", "-c", branch, source)
    promoted.commit(pipeline.work, {RULE: text}, "fix", day=11)
    promoted.git(pipeline.work, "push", "--quiet", "origin", branch)
    promoted.git(pipeline.work, "switch", "--quiet", "main")
    return branch
