"""Write an overlay that renders to other objects for a while: patches, and what names them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject, Resource, ResourceRef
from meshgate.source.build import inputs, render
from meshgate.source.kustomization import FILE_NAMES
from meshgate.source.load import read
from meshgate.yamldoc.files import read_inside
from meshgate.yamldoc.text import decoded
from meshgate.yamldoc.writing import dump_value

PREFIX = "on-the-way-"
UNFIT = re.compile(r"[^a-z0-9.-]+")
KEY = re.compile(r"[^\s#-]")


class StepOverlay(Struct, frozen=True):
    """Files of an overlay by name relative to the root, and the temporary ones among them."""

    files: Mapping[str, str]
    temporary: frozenset[str]


def patched(
    root: Path,
    overlay: str,
    rendered: Sequence[Resource],
    wanted: Sequence[Resource],
    *,
    comment: str,
    cache: Path | None,
) -> StepOverlay:
    """The files with which an overlay renders to `wanted`, and no longer to `rendered`.

    Each object that differs has one file, named for it: a merge patch, a patch that deletes, or
    the object itself where the overlay has none. The kustomization names them last; where nothing
    differs, it is as it is. Raises BuildError where kustomize makes something else of it.
    """
    kustomization = next(
        name for name in (f"{overlay}/{each}" for each in FILE_NAMES) if (root / name).is_file()
    )
    old = {each.ref: each for each in rendered}
    new = {each.ref: each for each in wanted}
    taken = {each.name for each in (root / overlay).iterdir()}
    added: dict[str, str] = {}
    lists: dict[str, list[str]] = {"resources": [], "patches": []}
    for ref in sorted({*old, *new}, key=str):
        value = _written(old.get(ref), new.get(ref))
        if value is None:
            continue
        name = _name(ref, {*taken, *added})
        field = "resources" if ref not in old else "patches"
        lists[field].append(name)
        added[name] = f"# {comment}\n{dump_value(value)}"
    text = decoded(read_inside(root, kustomization), kustomization)
    for field, names in lists.items():
        entries = [each if field == "resources" else f"path: {each}" for each in names]
        text = _with_entries(text, field, entries, kustomization)
    files = {f"{overlay}/{name}": content for name, content in added.items()}
    temporary = frozenset(files)
    changed = StepOverlay({**files, kustomization: text}, temporary)
    _verify(root, overlay, changed, wanted, cache)
    return changed


def _written(old: Resource | None, new: Resource | None) -> JSONObject | None:
    """What a file says of one object; None: nothing differs."""
    if old is None:
        return new.value if new is not None else None
    if new is None:
        return {"$patch": "delete", **_identity(old)}
    difference = merge_patch(old.value, new.value)
    if not difference:
        return None
    return _with_metadata(_identity(new), difference)


def merge_patch(old: JSONObject, new: JSONObject) -> JSONObject:
    """What turns one value into the other (RFC 7386): None takes a member away."""
    patch: JSONObject = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict) and value:
            inner = merge_patch(old[key], value)
            if inner:
                patch[key] = inner
        elif value != old[key]:
            patch[key] = value
    return patch


def _identity(resource: Resource) -> JSONObject:
    metadata = {"name": resource.name}
    if resource.namespace is not None:
        metadata["namespace"] = resource.namespace
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


def _with_metadata(identity: JSONObject, difference: JSONObject) -> JSONObject:
    """A patch: what names the object, and what differs."""
    metadata = {**identity["metadata"], **(difference.get("metadata") or {})}
    return {**identity, **difference, "metadata": metadata}


def _name(ref: ResourceRef, taken: Collection[str]) -> str:
    """A file name that says what it changes, and nothing that a shell or YAML would read."""
    parts = (part for part in (ref.kind, ref.namespace, ref.name) if part)
    stem = PREFIX + UNFIT.sub("-", "-".join(parts).lower())
    name, count = f"{stem}.yaml", 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}.yaml"
    return name


def _with_entries(text: str, field: str, entries: Iterable[str], file: str) -> str:
    """The kustomization with more entries at the end of a list; comments stay where they are."""
    entries = list(entries)
    if not entries:
        return text
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.rstrip() == f"{field}:"), None)
    if start is None:
        value = _value(text, file)
        if field not in value:
            return "\n".join([*lines, f"{field}:", *(f"  - {each}" for each in entries), ""])
        items: list[JSON] = [{"path": e[6:]} if e.startswith("path: ") else e for e in entries]
        return dump_value({**value, field: [*(value[field] or ()), *items]})
    end = start + 1
    last = start
    while end < len(lines) and not KEY.match(lines[end]):
        if lines[end].strip() and not lines[end].lstrip().startswith("#"):
            last = end
        end += 1
    first = next((line for line in lines[start + 1 : end] if line.lstrip().startswith("-")), "  -")
    indent = first[: len(first) - len(first.lstrip())]
    lines[last + 1 : last + 1] = [f"{indent}- {each}" for each in entries]
    return "\n".join([*lines, ""])


def _value(text: str, file: str) -> JSONObject:
    loaded = read(text.encode(), file)
    return dict(loaded.resources[0].value) if loaded.resources else {}


def _verify(
    root: Path,
    overlay: str,
    patched_overlay: StepOverlay,
    wanted: Sequence[Resource],
    cache: Path | None,
) -> None:
    """Render a copy with these files. Raises BuildError."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        copy = Path(folder)
        for name in inputs(root, overlay):
            if (root / name).is_file():
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, target)
        for name, text in patched_overlay.files.items():
            (copy / name).write_text(text, encoding="utf-8")
        rendered = {each.ref: each.value for each in render(copy, overlay, cache=cache).resources}
    expected = {each.ref: each.value for each in wanted}
    for ref in sorted({*rendered, *expected}, key=str):
        if rendered.get(ref) != expected.get(ref):
            raise BuildError(
                f"{overlay}: a patch on {ref} does not make of it what the step needs",
                why="A transformer or a patch of this overlay changes the object once more.",
                hint="write the step by hand: `meshgate steps --format json` has the whole object",
            )
