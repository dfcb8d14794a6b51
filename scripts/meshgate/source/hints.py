"""kustomize's own errors, in its words, with the hint a person needs."""

from __future__ import annotations

import re
from pathlib import Path

from meshgate.errors import BuildError
from meshgate.source.tree import Tree

LONGEST = 1500

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
    (r"unknown field", "kustomize does not know this field: compare its spelling"),
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
    return BuildError(f"{tree.overlay} does not build", why=text, hint=hint)
