"""kustomize's own errors, in its words, with the hint a person needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.model import JSONObject, Origin, Position, Resource
from meshgate.source.kustomization import FIELDS, Inline, Kustomization, Role
from meshgate.source.load import manifests, parsed
from meshgate.source.tree import Tree
from meshgate.wording.nearest import MEANT, nearest
from meshgate.yamldoc.document import location
from meshgate.yamldoc.positions import SourceFiles

LONGEST = 1500
# How kustomize came to the folder or file that it has something to say of.
ACCUMULATING = re.compile(
    r"(?s)accumulating resources: .*(?:recursed accumulation of path|couldn't make target for path)"
    r" '[^']*': "
)
EMPTY = "kustomization.yaml is empty"
HEADS = frozenset({"apiVersion", "kind", "metadata"})

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


def build_error(tree: Tree, message: str, wrapper: Path, root: Path) -> BuildError:
    """What kustomize said, with paths as they are in the repository, and where to edit.

    root  where the files lay that were built: the repository, or a copy of them
    """
    text = ABOUT_FIELDS.sub("", message).strip()
    text = text.replace(f"{root}/", "").replace(str(root), ".").replace(str(wrapper), ".")
    # From the wrapper, which lies in a temporary folder, the repository is called by `..`.
    text = text.replace(os.path.relpath(root, wrapper) + "/", "")
    text = ACCUMULATING.sub("", text)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, text)), "")
    place: Position | None = None
    meant = None
    if field := re.search(UNKNOWN_FIELD, text):
        wrong = field[1].rpartition(".")[2]
        meant = nearest(wrong, FIELDS)
        place = _place_of_field(tree, wrong)
    elif wanted := UNKNOWN_OBJECT.search(text):
        # Ids of one API group or namespace are alike by that alone: the name must be, too.
        alike = [each for each in _ids(tree) if nearest(_name(wanted[1]), [_name(each)])]
        meant = nearest(wanted[1], alike)
        place = _place_of_patch(tree, wanted[1])
    if meant:
        hint = f"{hint}; {MEANT} `{meant}`?"
    if EMPTY in text:
        place = next(
            (Position(each.file, 1, 1) for each in tree.kustomizations.values() if is_empty(each)),
            None,
        )
    where = f"{location(place)}: " if place else ""
    return BuildError(f"{where}{tree.overlay} does not build", why=text, hint=hint)


def is_empty(kustomization: Kustomization) -> bool:
    """Whether a kustomization has no field with anything in it, beside what it is."""
    return not any(value for key, value in kustomization.value.items() if key not in HEADS)


def _place_of_field(tree: Tree, field: str) -> Position | None:
    """The first kustomization with a field of this name, and where it stands."""
    files = SourceFiles(tree.root)
    for kustomization in tree.kustomizations.values():
        if field in kustomization.value:
            return files.position(Origin(kustomization.file), (field,))
    return None


def _place_of_patch(tree: Tree, wanted: str) -> Position | None:
    """The patch whose object is not there: in a file of its own, or inside a kustomization."""
    files = SourceFiles(tree.root)
    for name, role in tree.files.items():
        if role is Role.PATCH:
            for index, document in enumerate(parsed(tree.content(name), name)):
                if any(_is(manifest, wanted) for _, manifest in manifests(document.value)):
                    return files.position(Origin(name, index), ("metadata", "name"))
    for kustomization in tree.kustomizations.values():
        for part in kustomization.references():
            if not isinstance(part, Inline) or part.role is not Role.PATCH:
                continue
            for index, document in enumerate(parsed(part.text.encode(), kustomization.file)):
                if any(_is(manifest, wanted) for _, manifest in manifests(document.value)):
                    path = ("metadata", "name")
                    return files.within(kustomization.file, part.path, index, path)
    return None


def _name(identity: str) -> str:
    """The name in what kustomize calls an object."""
    return identity.partition("/")[2].rpartition(".")[0]


def _is(manifest: JSONObject, wanted: str) -> bool:
    return wanted == _id(Resource.of(manifest))


def _id(resource: Resource) -> str:
    """What kustomize calls an object (ResId.String in api/resid)."""
    group, _, version = resource.api_version.rpartition("/")
    return (
        f"{resource.kind}.{version}.{group or '[noGrp]'}/"
        f"{resource.name}.{resource.namespace or '[noNs]'}"
    )


def _ids(tree: Tree) -> Iterator[str]:
    """What kustomize calls the objects of an overlay's sources (ResId.String in api/resid)."""
    for name, role in tree.files.items():
        if role is not Role.RESOURCE:
            continue
        for document in parsed(tree.content(name), name):
            for _, manifest in manifests(document.value):
                yield _id(Resource.of(manifest))
