"""Configurations of kustomize plugins: which ones start or fetch something, and what they read."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.errors import BuildError
from meshgate.model import JSON
from meshgate.source.kustomization import REMOTE, Inline, Kustomization, Role
from meshgate.source.load import parsed

# Fields under which the configuration of kustomize's own plugins names files.
PLUGIN_PATHS = frozenset({"path", "paths", "files", "env", "envs"})
FUNCTION_ANNOTATIONS = ("config.kubernetes.io/function", "config.k8s.io/function")
SAFE_PLUGINS = "builtin"
HELM_PLUGIN = "HelmChartInflationGenerator"


def runs(value: JSON) -> str | None:
    """How the configuration of a plugin is described, if it is not one of kustomize's own."""
    if not isinstance(value, dict):
        return None
    kind = f"the plugin {value.get('kind')}"
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and any(key in annotations for key in FUNCTION_ANNOTATIONS):
        return f"{kind}, which starts a program,"
    # The items of a list are plugins of their own.
    if value.get("apiVersion") != SAFE_PLUGINS or kind.endswith((HELM_PLUGIN, "List")):
        return kind
    away = next((path for path in paths_in(value) if REMOTE.match(path)), None)
    return f"{kind}, which fetches {away}," if away else None


def inline_plugins(kustomization: Kustomization) -> Iterator[bytes]:
    """The configurations that are written into a kustomization."""
    for part in kustomization.references():
        if isinstance(part, Inline) and part.role is Role.PLUGIN:
            yield part.text.encode()


def paths_of(content: bytes) -> Iterator[str]:
    """The files that a configuration names; none where it cannot be read: the build says so."""
    try:
        documents = parsed(content, "a plugin")
    except BuildError:
        return
    for document in documents:
        yield from paths_in(document.value)


def paths_in(value: JSON) -> Iterator[str]:
    """The files that the configuration of a plugin names (`path`, `paths`, `files`, `env`)."""
    waiting: list[tuple[str, JSON]] = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((key, item) for item in value)
        elif isinstance(value, str) and key.casefold() in PLUGIN_PATHS and "\n" not in value:
            # `files` has entries `name=path`, too.
            yield value
            yield value.partition("=")[2] or value
