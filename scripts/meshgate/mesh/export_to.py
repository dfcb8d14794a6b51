"""Who sees what an object exports: the one reading of `exportTo`."""

from __future__ import annotations

# Every namespace.
PUBLIC = "*"
# The namespace of the object itself.
PRIVATE = "."
# No namespace at all.
NOBODY = "~"


def names(export_to: frozenset[str], namespace: str) -> bool:
    """Whether `exportTo` names a namespace, by itself or by `*`; empty is for everybody.

    What `.` stands for is not known here: see `includes`.
    """
    return not export_to or PUBLIC in export_to or namespace in export_to


def includes(export_to: frozenset[str], namespace: str, home: str) -> bool:
    """Whether clients of a namespace see an object that lives in `home`."""
    return names(export_to, namespace) or (PRIVATE in export_to and namespace == home)
