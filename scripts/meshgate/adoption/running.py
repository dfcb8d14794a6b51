"""What lies in a repository and is built by no environment, though it may run beside one.

An inventory is read from `inventory/ENV/` alone: it is bound to a commit, and is owned and reviewed
as one folder. So nothing elsewhere can stand for it, and links are not followed. Manifests that an
environment's cluster has from somewhere else are copied there, which a person does by a command.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from meshgate import source
from meshgate.adoption.candidates import leads_to_sync
from meshgate.adoption.contents import Contents, file_of
from meshgate.adoption.environments import environment_in
from meshgate.errors import BuildError
from meshgate.model import Environment, Resource
from meshgate.wording import plural
from meshgate.yamldoc.files import read_inside

# What the judgement of policies rests on, by kind and group.
RUNNING = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps"),
    **dict.fromkeys(("Job", "CronJob"), "batch"),
    **dict.fromkeys(("Pod", "Service"), ""),
}
MANUAL = "manual"
DUPLICATE = "duplicate-key"


class RunningOutside(Struct, frozen=True):
    """What runs by a folder that no environment builds.

    environment  whose inventory lacks it
    folder       of plain manifests, or of a kustomization where `files` is empty
    files        the manifests to copy
    objects      how many objects of the inventory they have
    nameless     how many of these name no namespace
    """

    environment: str
    folder: str
    files: tuple[str, ...]
    objects: int
    nameless: int

    @property
    def command(self) -> str:
        """What writes it to the inventory, for a shell in the repository's folder."""
        target = posixpath.join("inventory", self.environment, MANUAL, self.folder).rstrip("/")
        made = f"mkdir -p {shlex.quote(target)} && "
        if not self.files:
            built = shlex.quote(f"{target}/built.yaml")
            return f"{made}kubectl kustomize {shlex.quote(self.folder)} > {built}"
        return f"{made}cp -- {' '.join(map(shlex.quote, self.files))} {shlex.quote(target)}"

    @property
    def sentence(self) -> str:
        """What there is, and what it means."""
        text = (
            f"{self.environment}: {plural(self.objects, 'object')} that may run there, in "
            f"{self.folder or 'the folder of the repository'}, which no environment builds. An "
            "inventory is read from its own folder alone: copy them there"
        )
        if self.nameless:
            text += f", and write the namespace into {self.nameless} that name none"
        return text


def outside(contents: Contents, environments: Sequence[Environment]) -> list[RunningOutside]:
    """What may run in environments and is in no inventory of theirs, by environment and folder."""
    if not environments:
        return []
    built = {name for each in environments for name in source.inputs(contents.root, each.sources)}
    there = {each.name: _there(contents, each.name) for each in environments}
    result = []
    for folder, files, objects in (*_plain(contents, built), *_kustomized(contents, built)):
        for name in _whose(folder, environments):
            lacking = [r for r in objects if (r.kind, r.namespace, r.name) not in there[name]]
            if lacking:
                nameless = sum(not each.namespace for each in lacking)
                result.append(RunningOutside(name, folder, files, len(lacking), nameless))
    return sorted(result, key=lambda each: (each.environment, each.folder))


def _there(contents: Contents, environment: str) -> set[tuple[str, str | None, str]]:
    """What an inventory has: kind, namespace and name; of any namespace with None, too."""
    try:
        objects = source.read_folder(contents.root, f"inventory/{environment}")
    except BuildError:  # told where it is judged
        return set()
    return {
        (each.kind, namespace, each.name)
        for each in objects
        for namespace in (each.namespace, None)
    }


def _plain(
    contents: Contents, built: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...], list[Resource]]]:
    """Folders of manifests that no kustomization brings in: the files, and what runs by them."""
    by_folder: dict[str, dict[str, list[Resource]]] = {}
    for each in contents.objects:
        name = file_of(each)
        hidden = name.startswith(".") or "/." in name
        if _runs(each) and name not in built and name not in contents.reached and not hidden:
            by_folder.setdefault(posixpath.dirname(name), {}).setdefault(name, []).append(each)
    for folder, files in by_folder.items():
        fit = {name: objects for name, objects in files.items() if _is_readable(contents, name)}
        if fit:
            yield folder, tuple(sorted(fit)), [each for part in fit.values() for each in part]


def _kustomized(
    contents: Contents, built: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...], list[Resource]]]:
    """Folders of kustomizations that nothing includes and no environment names."""
    for folder in contents.roots():
        tree = contents.trees[folder]
        if folder == "." or tree.refused or leads_to_sync(contents, folder):
            continue
        objects = [each for each in contents.below(folder) if _runs(each)]
        if objects and not any(file_of(each) in built for each in objects):
            yield folder, (), objects


def _runs(resource: Resource) -> bool:
    return RUNNING.get(resource.kind) == resource.group


def _is_readable(contents: Contents, name: str) -> bool:
    """Whether an inventory takes a file: it has objects alone, each of its keys once."""
    try:
        loaded = source.read(read_inside(contents.root, name), name)
    except BuildError:
        return False
    return not loaded.others and all(defect.kind != DUPLICATE for defect in loaded.defects)


def _whose(folder: str, environments: Sequence[Environment]) -> list[str]:
    """The environments that a folder is of: the one that its path tells, else each."""
    word = environment_in([folder])
    names = [each.name for each in environments]
    return [name for name in names if not word or name == word or name.startswith(f"{word}-")]
