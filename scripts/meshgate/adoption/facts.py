"""What the files of a repository tell of the mesh: version, data plane, MeshConfig."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, convert, to_builtins
from msgspec import ValidationError as Unfit

from meshgate.adoption.contents import file_of, mapping
from meshgate.errors import BuildError
from meshgate.model import JSONObject, MeshFacts, Resource
from meshgate.schema import catalog
from meshgate.yamldoc import document

MINOR = re.compile(r"v?(1\.\d+)(?:\.\d+)?")
# Of MeshConfig (istio/api mesh/v1alpha1), by the key of `mesh` in environments.yaml.
PLAIN = {
    "enableAutoMtls": "enableAutoMtls",
    "rootNamespace": "rootNamespace",
    "trustDomain": "trustDomain",
    "trustDomainAliases": "trustDomainAliases",
    "discoverySelectors": "discoverySelectors",
}
ISTIO_CHARTS = frozenset({"base", "istiod"})
AMBIENT_LABEL = "istio.io/dataplane-mode"


class Facts(Struct, frozen=True):
    """What was told: keys of `mesh`, each with the file that tells it; and what was not.

    missing  sentences on what the defaults stand for
    """

    mesh: JSONObject
    told_by: dict[str, str]
    missing: tuple[str, ...]


def facts(objects: Iterable[Resource]) -> Facts:
    """The facts of a mesh; of each, the first object that states it counts."""
    mesh: JSONObject = {}
    told_by: dict[str, str] = {}
    missing: list[str] = []
    for resource in objects:
        for key, value in _of(resource):
            if key == "istio" and value not in _known():
                missing.append(
                    f"{file_of(resource)} installs Istio {value}, of which there are no schemas; "
                    f"set `mesh.istio` to the nearest of {', '.join(_known())}"
                )
            elif key not in mesh and _fits(key, value):
                mesh[key] = value
                told_by[key] = file_of(resource)
    if "istio" not in mesh and not missing:
        missing.append(
            f"which Istio runs: `mesh.istio` is taken as {MeshFacts().istio}, whose schemas judge"
        )
    return Facts(mesh, told_by, tuple(dict.fromkeys(missing)))


Stated = Iterator[tuple[str, object]]


def _of(resource: Resource) -> Stated:
    reader = READERS.get(resource.kind)
    return reader(resource) if reader is not None else iter(())


def _operator(resource: Resource) -> Stated:
    spec = resource.spec
    yield from _version(spec.get("tag"))
    yield from _revision(spec.get("revision"))
    if spec.get("profile") == "ambient":
        yield "dataPlane", "ambient"
    yield from _mesh_config(mapping(spec.get("meshConfig")))


def _control_plane(resource: Resource) -> Stated:
    yield "distribution", "ossm2"
    if resource.namespace:
        yield "rootNamespace", resource.namespace


def _sail(resource: Resource) -> Stated:
    """An Istio object of the Sail operator, which OpenShift Service Mesh 3 has, too."""
    if resource.group == "sailoperator.io":
        yield from _version(resource.spec.get("version"))
        yield from _mesh_config(mapping(mapping(resource.spec.get("values")).get("meshConfig")))


def _release(resource: Resource) -> Stated:
    chart = mapping(mapping(resource.spec.get("chart")).get("spec"))
    if chart.get("chart") in ISTIO_CHARTS:
        yield from _version(chart.get("version"))
        yield from _values(mapping(resource.spec.get("values")))


def _application(resource: Resource) -> Stated:
    source = mapping(resource.spec.get("source"))
    if source.get("chart") in ISTIO_CHARTS:
        yield from _version(source.get("targetRevision"))
        yield from _values(mapping(mapping(source.get("helm")).get("valuesObject")))


def _config_map(resource: Resource) -> Stated:
    if resource.name == "istio":
        text = mapping(resource.value.get("data")).get("mesh")
        try:
            value = document.parse(str(text or ""), file_of(resource)).value
        except BuildError:
            return
        yield from _mesh_config(mapping(value))


def _namespace(resource: Resource) -> Stated:
    if mapping(resource.metadata.get("labels")).get(AMBIENT_LABEL) == "ambient":
        yield "dataPlane", "ambient"


READERS: dict[str, Callable[[Resource], Stated]] = {
    "Application": _application,
    "ConfigMap": _config_map,
    "HelmRelease": _release,
    "Istio": _sail,
    "IstioOperator": _operator,
    "Namespace": _namespace,
    "ServiceMeshControlPlane": _control_plane,
}


def _values(values: JSONObject) -> Stated:
    """Values of the istiod chart."""
    yield from _revision(values.get("revision"))
    yield from _mesh_config(mapping(values.get("meshConfig")))


def _version(text: object) -> Stated:
    if matched := MINOR.match(str(text or "")):
        yield "istio", matched[1]


def _revision(text: object) -> Stated:
    if isinstance(text, str) and text:
        yield "revision", text


def _mesh_config(value: JSONObject) -> Stated:
    for key, name in PLAIN.items():
        if key in value:
            yield name, value[key]
    if mode := mapping(value.get("outboundTrafficPolicy")).get("mode"):
        yield "outboundTrafficPolicy", mode
    if normalization := mapping(value.get("pathNormalization")).get("normalization"):
        yield "pathNormalization", "BASE" if normalization == "DEFAULT" else normalization


def _fits(key: str, value: object) -> bool:
    """Whether it is a value that `mesh` takes, and not the default."""
    try:
        made = convert({key: value}, MeshFacts)
    except Unfit:
        return False
    return key in to_builtins(made)


def _known() -> list[str]:
    index = catalog.folder() / "istio"
    return sorted((each.name for each in index.iterdir() if each.is_dir()), key=_minor)


def _minor(version: str) -> int:
    return int(version.partition(".")[2] or 0)
