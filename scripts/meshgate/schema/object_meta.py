"""What the API server refuses in the annotations of any object, and no schema says.

Read from apimachinery: ValidateAnnotations and ValidateAnnotationsSize (pkg/api/validation), and
IsQualifiedName (pkg/util/validation). Names, namespaces and labels are in the schema itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Resource, SchemaViolation, join_path
from meshgate.wording.phrases import shown

# TotalAnnotationSizeLimitB: 256 KiB of keys and values.
LARGEST = 256 * 1024
LONGEST_NAME = 63
LONGEST_PREFIX = 253
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def violations(resource: Resource) -> Iterator[SchemaViolation]:
    """The annotations that keep the API server from taking an object (SH002)."""
    size = 0
    for key, value in resource.annotations.items():
        size += len(str(key).encode()) + len(str(value).encode())
        # The API server looks at the key in lower case.
        if not is_qualified(str(key).lower()):
            yield SchemaViolation(
                "SH002",
                resource,
                join_path("metadata", "annotations", str(key)),
                f"{shown(key)} is not a valid key for an annotation",
            )
    if size > LARGEST:
        yield SchemaViolation(
            "SH002",
            resource,
            "metadata.annotations",
            f"annotations have {size} bytes, at most {LARGEST} are taken",
        )


def is_qualified(key: str) -> bool:
    """Whether a key is a name of up to 63 characters, with a DNS name before a slash perhaps."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > LONGEST_PREFIX or not _PREFIX.fullmatch(prefix)):
        return False
    return len(name) <= LONGEST_NAME and bool(_NAME.fullmatch(name))


def is_label_value(value: str) -> bool:
    """Whether the API server takes a text for the value of a label: empty, or like a name."""
    return not value or (len(value) <= LONGEST_NAME and bool(_NAME.fullmatch(value.lower())))
