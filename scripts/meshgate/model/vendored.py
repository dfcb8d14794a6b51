"""`vendored.yaml`: copies of remote repositories that lie beside what is reviewed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from meshgate.model.document import SOME, DocumentPart, Text, about

COMMIT = "[0-9a-f]{40}|[0-9a-f]{64}"


class VendoredCopy(DocumentPart, frozen=True, kw_only=True):
    """The files of one remote repository at one commit."""

    url: Annotated[
        Text,
        about("The repository, as the reference in the kustomization starts, without path or ref."),
    ]
    commit: Annotated[
        str, Meta(pattern=f"^({COMMIT})$"), about("The full commit id that the reference names.")
    ]
    folder: Annotated[Text, about("Where its copy lies, relative to this file.")]
    sha256: Annotated[
        str,
        Meta(pattern="^[0-9a-f]{64}$"),
        about("Of the copy: of the lines that sha256sum writes for its files, sorted by name."),
    ]


class VendoredFile(DocumentPart, frozen=True):
    """`vendored.yaml`, beside the kustomization that names remote bases."""

    vendored: Annotated[tuple[VendoredCopy, ...], SOME, about("Each copy once.")]
