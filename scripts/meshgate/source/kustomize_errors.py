"""kustomize's own errors, in its words, with the hint a person needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.model import Resource
from meshgate.source.kustomization import FIELDS, Role
from meshgate.source.load import manifests, parsed
from meshgate.source.tree import Tree
from meshgate.wording.nearest import MEANT, nearest

LONGEST = 1500

UNKNOWN_FIELD = r'unknown field "?([\w.]*)'
UNKNOWN_OBJECT = re.compile(r"no matches for Id ([^;\s]+)")
HINTS = (
    (
        r"unsupported type: map\[interface",
        'a key is a number: write it in quotes, such as "8080":',
    ),
    (r"mapping key .* already defined|key .* already set", "a key stands twice: keep one of them"),
    (r"cycle detected", "two kustomizations name each other: remove one of the references"),
    (
        r"may not add resource with an already registered id",
        "the same object comes from two files, or one file is reached twice: keep one of them",
    ),
    (r"ID conflict", "two objects get the same name and namespace: rename one of them"),
    (
        r"no matches for Id|no resource matches|failed to find unique target",
        "the patch names an object that is not there: compare apiVersion, kind, name, namespace",
    ),
    (UNKNOWN_FIELD, "kustomize does not know this field: compare its spelling"),
    (r"kustomization.yaml is empty", "add `resources:` with what the overlay builds"),
    (
        r"is not in or below",
        "files are read from the kustomization's own folder only: name the other folder instead",
    ),
    (
        r"missing metadata.name|missing Resource metadata|Object 'Kind' is missing",
        "every object needs apiVersion, kind and metadata.name",
    ),
    (
        r"unable to parse SM or JSON patch",
        "the patch is neither an object nor a list of operations",
    ),
    (r"must specify a target", "a JSON patch needs `target:`"),
    (
        r"(?:add|replace|remove) operation does not apply",
        "the JSON patch's path is not there; `add` makes it, `replace` and `remove` need it",
    ),
    (r"yaml: |MalformedYAMLError|error converting YAML", "the file is not valid YAML"),
    (r"permission denied", "let the file be read by who runs this"),
)
ABOUT_FIELDS = re.compile(r"^# Warning: .*\n?", re.MULTILINE)


def build_error(tree: Tree, message: str, wrapper: Path) -> BuildError:
    """What kustomize said, with paths as they are in the repository."""
    text = ABOUT_FIELDS.sub("", message).strip()
    text = text.replace(f"{tree.root}/", "").replace(str(tree.root), ".").replace(str(wrapper), ".")
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, text)), "")
    meant = None
    if field := re.search(UNKNOWN_FIELD, text):
        meant = nearest(field[1].rpartition(".")[2], FIELDS)
    elif wanted := UNKNOWN_OBJECT.search(text):
        # Ids of one API group or namespace are alike by that alone: the name must be, too.
        alike = [each for each in _ids(tree) if nearest(_name(wanted[1]), [_name(each)])]
        meant = nearest(wanted[1], alike)
    if meant:
        hint = f"{hint}; {MEANT} `{meant}`?"
    return BuildError(f"{tree.overlay} does not build", why=text, hint=hint)


def _name(identity: str) -> str:
    """The name in what kustomize calls an object."""
    return identity.partition("/")[2].rpartition(".")[0]


def _ids(tree: Tree) -> Iterator[str]:
    """What kustomize calls the objects of an overlay's sources (ResId.String in api/resid)."""
    for name, role in tree.files.items():
        if role is not Role.RESOURCE:
            continue
        for document in parsed(tree.content(name), name):
            for _, manifest in manifests(document.value):
                resource = Resource.of(manifest)
                group, _, version = resource.api_version.rpartition("/")
                yield (
                    f"{resource.kind}.{version}.{group or '[noGrp]'}/"
                    f"{resource.name}.{resource.namespace or '[noNs]'}"
                )
