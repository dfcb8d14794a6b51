"""Join each rendered object with what the layers made of its base, for its origin and its chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from meshgate.model import JSONObject, Origin, Resource, ResourceRef
from meshgate.source.kustomize import Rendered
from meshgate.source.provenance import TracedObject, TracedOrigin, settle
from meshgate.source.tree import Tree
from meshgate.yamldoc.positions import SourceFiles


def are_known(rendered: Iterable[Rendered], traced: Iterable[TracedObject]) -> bool:
    """Whether each rendered object has one of its own among those that the layers made, by name.

    Then nobody needs to be told where one comes from.
    """
    made = Counter(Resource.of(each.value).ref for each in traced)
    return Counter(Resource.of(value).ref for value, _ in rendered) <= made


def resources(
    rendered: list[Rendered], traced: list[TracedObject], tree: Tree, files: SourceFiles
) -> Iterator[Resource]:
    """The rendered objects, each joined with the one that the layers made."""
    waiting: dict[ResourceRef, list[TracedObject]] = {}
    for each in traced:
        waiting.setdefault(Resource.of(each.value).ref, []).append(each)
    left: list[tuple[int, Rendered]] = []
    joined: dict[int, Resource] = {}
    for index, (value, file) in enumerate(rendered):
        resource = Resource.of(value)
        same = waiting.get(resource.ref)
        if same:
            joined[index] = _joined(value, same.pop(), tree, files)
        else:
            left.append((index, Rendered(value, file)))
    spare = [each for those in waiting.values() for each in those]
    for index, (value, file) in left:
        like = [each for each in spare if _is_like(each, value, file)]
        if len(like) == 1:
            spare.remove(like[0])
            joined[index] = _joined(value, like[0], tree, files)
        else:
            joined[index] = Resource.of(value, Origin(file) if file else None)
    for index in range(len(rendered)):
        yield joined[index]


def _joined(value: JSONObject, traced: TracedObject, tree: Tree, files: SourceFiles) -> Resource:
    settle(traced, value, tree, files)
    return Resource.of(value, TracedOrigin.of(traced))


def _is_like(traced: TracedObject, value: JSONObject, file: str | None) -> bool:
    """Whether an object that was renamed on its way could be the rendered one."""
    name = str(traced.value.get("metadata", {}).get("name", ""))
    return (
        traced.origin.file == file
        and traced.value.get("kind") == value.get("kind")
        and name in str(value.get("metadata", {}).get("name", ""))
    )
