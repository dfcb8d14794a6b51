"""What the generators of an ApplicationSet fill its template with, as far as files tell.

`list`, `git` (directories and files), `clusters` (those whose Secrets lie in the repository),
and `matrix` and `merge` of these: argo-cd.readthedocs.io/en/stable/operator-manual/applicationset.
The others ask a forge, a plugin or an object of the cluster.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import itertools
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from meshgate.adoption.contents import Contents, mapping, mappings
from meshgate.errors import BuildError
from meshgate.model import JSON, JSONObject, Origin, Resource
from meshgate.source.load import document
from meshgate.yamldoc.files import read_inside

Parameters = dict[str, str]
# `{{ name }}` of the plain templates, `{{ .name }}` of Go's, and Go's `{{ index .name "key" }}`.
MARK = re.compile(
    r"\{\{-?\s*(?:index\s+\.(?P<list>[\w.-]+)\s+(?:(?P<number>\d+)|\\?\"(?P<key>[^\"\\]+)\\?\")"
    r"|\.?(?P<name>[\w./\[\]-]+))\s*-?\}\}"
)
MOST = 500
SECRET_TYPE = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label
CLUSTER = "cluster"
# Where Argo CD itself runs: it is a cluster without a Secret.
LOCAL = {
    "name": "in-cluster",
    "nameNormalized": "in-cluster",
    "server": "https://kubernetes.default.svc",
}
# Objects that become a Secret, and where its metadata stands in them.
SEALED = {"SealedSecret": ("template",), "ExternalSecret": ("target", "template")}
UNNORMAL = re.compile(r"[^a-z0-9.-]")
PARTS_OF_MATRIX = 2


def parameters(contents: Contents, generator: JSONObject) -> list[Parameters]:
    """What a generator gives, one mapping an Application; nothing where files do not tell."""
    return list(itertools.islice(_generated(contents, generator), MOST))


def filled(value: JSON, given: Mapping[str, str]) -> JSON:
    """A template with its marks filled in; one that has no value stays."""

    def replacement(mark: re.Match[str]) -> str:
        name = mark["name"]
        if mark["list"]:
            name = f"{mark['list']}[{mark['number']}]" if mark["number"] else ""
            name = name or f"{mark['list']}.{mark['key']}"
        return json.dumps(given[name])[1:-1] if name in given else mark[0]

    done: JSON = json.loads(MARK.sub(replacement, json.dumps(value)))
    return done


def left_out(contents: Contents, generator: JSONObject) -> list[str]:
    """The folders that it, or one inside it, says are none of its own."""
    directories = mappings(mapping(generator.get("git")).get("directories"))
    patterns = [str(each.get("path")) for each in directories if each.get("exclude")]
    own = [folder for folder in _folders(contents) if _any(folder, patterns)]
    inner = [each for key in ("matrix", "merge") for each in _inner(generator, key)]
    return [*own, *(folder for each in inner for folder in left_out(contents, each))]


def asks_for_clusters(generator: JSONObject) -> bool:
    """Whether it, or one inside it, goes by the clusters that Argo CD knows."""
    if "clusters" in generator:
        return True
    inner = [each for key in ("matrix", "merge") for each in _inner(generator, key)]
    return any(map(asks_for_clusters, inner))


def _generated(contents: Contents, generator: JSONObject) -> Iterator[Parameters]:
    chosen = mapping(generator.get("selector"))
    for given in itertools.chain(
        _of_list(mapping(generator.get("list"))),
        _of_git(contents, mapping(generator.get("git"))),
        _of_clusters(contents, generator["clusters"] or {}) if "clusters" in generator else (),
        _of_matrix(contents, _inner(generator, "matrix")),
        _of_merge(contents, mapping(generator.get("merge"))),
    ):
        if selects(chosen, given):
            yield given


def _inner(generator: JSONObject, key: str) -> list[JSONObject]:
    return mappings(mapping(generator.get(key)).get("generators"))


def _of_list(stated: JSONObject) -> Iterator[Parameters]:
    for element in mappings(stated.get("elements")):
        yield dict(_flat(element))


def _of_git(contents: Contents, stated: JSONObject) -> Iterator[Parameters]:
    directories = mappings(stated.get("directories"))
    prefix = f"{stated['pathParamPrefix']}." if stated.get("pathParamPrefix") else ""
    left_out = [str(each.get("path")) for each in directories if each.get("exclude")]
    wanted = [str(each.get("path")) for each in directories if not each.get("exclude")]
    for folder in _folders(contents):
        if _any(folder, wanted) and not _any(folder, left_out):
            yield _with_values(stated, _of_path(folder, prefix))
    named = mappings(stated.get("files"))
    left_out = [str(each.get("path")) for each in named if each.get("exclude")]
    wanted = [str(each.get("path")) for each in named if not each.get("exclude")]
    for file in contents.files:
        if _any(file, wanted) and not _any(file, left_out):
            for value in _documents(contents, file):
                own = _of_path(posixpath.dirname(file), prefix)
                own[f"{prefix}path.filename"] = posixpath.basename(file)
                yield _with_values(stated, {**dict(_flat(value)), **own})


def _of_clusters(contents: Contents, stated: JSON) -> Iterator[Parameters]:
    """The clusters whose Secrets lie in the repository; the local one where all are meant."""
    stated = mapping(stated)
    selector = mapping(stated.get("selector"))
    secrets = [own for each in contents.objects if (own := _cluster(each)) is not None]
    for labels, notes, given in secrets:
        if selects(selector, labels):
            more = {f"metadata.labels.{key}": value for key, value in labels.items()}
            more |= {f"metadata.annotations.{key}": value for key, value in notes.items()}
            yield _with_values(stated, {**given, **more})
    servers = {given.get("server") for _, _, given in secrets}
    if secrets and not selector and LOCAL["server"] not in servers:
        yield _with_values(stated, dict(LOCAL))


def _cluster(resource: Resource) -> tuple[Parameters, Parameters, Parameters] | None:
    """Labels, annotations and parameters of a cluster; None: it is no Secret of one."""
    metadata, value = resource.metadata, resource.value
    if resource.kind in SEALED:
        value = resource.spec
        for key in SEALED[resource.kind]:
            value = mapping(value.get(key))
        metadata = {"name": resource.name, **mapping(value.get("metadata"))}
    elif resource.kind != "Secret":
        return None
    labels = _texts(mapping(metadata.get("labels")))
    if labels.get(SECRET_TYPE) != CLUSTER:
        return None
    plain = {key: _decoded(text) for key, text in _texts(mapping(value.get("data"))).items()}
    plain |= _texts(mapping(value.get("stringData")))
    name = plain.get("name") or str(metadata.get("name") or resource.name)
    given = {"name": name, "nameNormalized": UNNORMAL.sub("-", name.lower())}
    given |= {key: plain[key] for key in ("server", "project") if plain.get(key)}
    return labels, _texts(mapping(metadata.get("annotations"))), given


def _of_matrix(contents: Contents, inner: Sequence[JSONObject]) -> Iterator[Parameters]:
    """Each of the first with each of the second, which may be a template of the first itself."""
    if len(inner) != PARTS_OF_MATRIX:
        return
    for left in _generated(contents, inner[0]):
        for right in _generated(contents, mapping(filled(inner[1], left))):
            yield {**left, **right}


def _of_merge(contents: Contents, stated: JSONObject) -> Iterator[Parameters]:
    """What the first gives, with what the others say of the same keys."""
    inner = mappings(stated.get("generators"))
    keys = stated.get("mergeKeys")
    if not inner or not isinstance(keys, list):
        return
    others = [list(_generated(contents, each)) for each in inner[1:]]
    for given in _generated(contents, inner[0]):
        merged = dict(given)
        for other in itertools.chain.from_iterable(others):
            if all(other.get(str(key)) == given.get(str(key)) for key in keys):
                merged |= other
        yield merged


def selects(selector: JSONObject, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes some labels; one that cannot be read takes none."""
    if any(labels.get(key) != str(value) for key, value in _labels(selector).items()):
        return False
    for each in mappings(selector.get("matchExpressions")):
        key, operator = str(each.get("key")), each.get("operator")
        values = each.get("values")
        wanted = {str(value) for value in values} if isinstance(values, list) else set()
        fits = {
            "In": labels.get(key) in wanted,
            "NotIn": labels.get(key) not in wanted,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not fits.get(str(operator), False):
            return False
    return True


def _labels(selector: JSONObject) -> JSONObject:
    return mapping(selector.get("matchLabels"))


def _with_values(stated: JSONObject, given: Parameters) -> Parameters:
    """The parameters, with `values` of the generator, which may be templates of them."""
    own = mapping(filled(mapping(stated.get("values")), given))
    return {**given, **{f"values.{key}": value for key, value in _texts(own).items()}}


def _folders(contents: Contents) -> list[str]:
    folders: set[str] = set()
    for name in contents.files:
        folder = posixpath.dirname(name)
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return sorted(folders)


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    """As Go's path.Match: a star does not pass a slash, but for `**`."""
    parts, wanted = name.split("/"), pattern.removeprefix("./").strip("/").split("/")
    if "**" in wanted:
        return fnmatch.fnmatchcase(name, "/".join(wanted))
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _of_path(folder: str, prefix: str) -> Parameters:
    parts = folder.split("/")
    normal = UNNORMAL.sub("-", parts[-1].lower())
    given = {
        "path": folder,
        "path.path": folder,
        "path.basename": parts[-1],
        "path.basenameNormalized": normal,
    }
    for index, part in enumerate(parts):
        given[f"path[{index}]"] = given[f"path.segments[{index}]"] = part
    return {f"{prefix}{key}": value for key, value in given.items()}


def _documents(contents: Contents, file: str) -> Iterator[JSONObject]:
    """The mappings of a file; of one with a list, each of them is an Application."""
    try:
        value = document(read_inside(contents.root, file), Origin(file))
    except BuildError:
        return
    yield from mappings(value) if isinstance(value, list) else [value] if mapping(value) else []


def _flat(value: JSONObject, before: str = "") -> Iterator[tuple[str, str]]:
    for key, part in value.items():
        if isinstance(part, dict):
            yield from _flat(part, f"{before}{key}.")
        elif isinstance(part, list):
            for index, item in enumerate(part):
                if not isinstance(item, dict | list):
                    yield f"{before}{key}[{index}]", _text(item)
        else:
            yield f"{before}{key}", _text(part)


def _texts(value: JSONObject) -> Parameters:
    return {str(key): _text(part) for key, part in value.items()}


def _text(value: JSON) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
