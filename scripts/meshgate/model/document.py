"""What typed documents are made of: files that people write and meshgate reads exactly.

A document is a class of msgspec. Its fields are the keys of the file, in camel case; a key that it
does not have is an error. `schemas/meshgate/` is generated from these classes
(`meshgate.config.schemas`), and the schema decides before a value of the class is made. So what
only a schema can say (`choice`, `UNIQUE`, a description) stands beside the type.
"""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from meshgate.model.origin import Position
from meshgate.model.value import JSONObject


class DocumentPart(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A mapping of a document."""


class Placed(DocumentPart, kw_only=True, frozen=True):
    """A mapping that knows where it is written; the file does not say it, who reads the file does.

    source  None for a value that no file holds
    """

    source: Position | None = None


class PlacedAnywhere(Placed, frozen=True, eq=False):
    """A mapping that is the same wherever it is written: two are equal if all else is."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "source")


def about(description: str, **keywords: object) -> Meta:
    """A description for the schema, with further keywords of JSON Schema where it needs some."""
    return Meta(description=description, extra_json_schema=keywords or None)


def choice(*values: str) -> Meta:
    """The only texts there are, in the order that a message lists them."""
    options: JSONObject = {"enum": list(values)}
    return Meta(extra_json_schema=options)


UNIQUE = Meta(extra_json_schema={"uniqueItems": True})
# Of a file that has every field: one that files written before it was there do not have.
ADDED_LATER = Meta(extra_json_schema={"addedLater": True})
SOME = Meta(min_length=1)

DNS_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# Names of workloads are DNS subdomains: dots are in some of them.
WORKLOAD = "[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?"

Text = Annotated[str, SOME]
EnvironmentName = Annotated[
    str, Meta(pattern=f"^{DNS_LABEL}$", description="Lower-case letters, digits and hyphens.")
]
NamespaceName = Annotated[
    str, Meta(pattern=f"^{DNS_LABEL}$", description="The name of a Kubernetes namespace.")
]
WorkloadName = Annotated[str, Meta(pattern=f"^{WORKLOAD}$", description="NAMESPACE/WORKLOAD.")]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=0)]
RuleID = Annotated[str, Meta(pattern="^[A-Z]{2}[0-9]{3}$")]
Duration = Annotated[str, Meta(pattern="^([0-9]+[smhdw])+$", description="Such as 30m, 24h or 7d.")]
Time = Annotated[
    datetime.datetime,
    about(
        "A time in UTC, written as 2026-08-01T09:30:00Z.",
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    ),
]
LocalTime = Annotated[
    str,
    Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$", description="YYYY-MM-DDTHH:MM."),
]
Names = Annotated[tuple[Text, ...], UNIQUE]
SomeNames = Annotated[tuple[Text, ...], SOME, UNIQUE]
EnvironmentNames = Annotated[tuple[EnvironmentName, ...], UNIQUE]
SomeEnvironmentNames = Annotated[tuple[EnvironmentName, ...], SOME, UNIQUE]
