"""The pinned helm, run so that it reads nothing but what it is given."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from meshgate import tools
from meshgate.errors import ToolError
from meshgate.source.program import TOOLCHAIN, fits, missing_version, stated_version

NAME = "helm"
MODULE = "helm.sh/helm"
# What `.Capabilities` says, whatever cluster there is: a render follows from files alone.
KUBERNETES = "1.37.2"
API_VERSIONS = (
    *("networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"),
    *("security.istio.io/v1", "security.istio.io/v1beta1", "telemetry.istio.io/v1"),
    *("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"),
)


def version(root: Path, *, exact: bool = False) -> str:
    """The version of helm that the charts of a repository are rendered with.

    The one that this meshgate is tested with, where the repository's toolchain says none or one
    of the same minor version; else the toolchain's. `exact`: only the toolchain's, and UsageError
    where it says none.
    """
    own = tools.pinned()[NAME].version
    wanted = stated_version(root, NAME, own)
    if wanted is None:
        if exact:
            raise missing_version(NAME, own)
        return own
    wanted = wanted.removeprefix("v")
    return own if fits(own, wanted, exact=exact) else wanted


def program(wanted: str) -> Path:
    """The helm of a version: as `nox -s tools` built it, else one on PATH.

    Raises ToolError where there is neither.
    """
    return _program(tools.pinned()[NAME], wanted, os.environ.get("PATH", ""))


def _program(pin: tools.Binary, wanted: str, search: str) -> Path:
    if wanted == pin.version and pin.path.is_file():
        return pin.path
    # A relative entry of PATH could be a folder of what is judged.
    folders = [folder for folder in search.split(os.pathsep) if Path(folder).is_absolute()]
    path = shutil.which(NAME, path=os.pathsep.join(folders))
    there = tools.linked_version(Path(path), MODULE) if path else None
    if path is not None and there == wanted:
        return Path(path)
    raise ToolError(
        f"there is no helm {wanted} to render charts with",
        why=f"{path} is {there or 'of an unknown version'}, and another version may render "
        "something else."
        if path
        else "It is a program of its own, and not part of the Python package.",
        hint="build it with `nox -s tools -- helm`, or, without a checkout, with "
        f"`python -m meshgate.tools {NAME}`"
        if wanted == pin.version
        else f"put helm {wanted} on PATH, which {TOOLCHAIN} asks for; this meshgate is tested "
        f"with {pin.version}",
    )


def environment(aside: Path) -> dict[str, str]:
    """Variables under which helm finds no plugin, no repository, no cluster and no network."""
    empty = {
        name: str(aside / name.lower())
        for name in (
            "HELM_CACHE_HOME",
            "HELM_CONFIG_HOME",
            "HELM_DATA_HOME",
            "HELM_PLUGINS",
            "HELM_REPOSITORY_CACHE",
            "HELM_REPOSITORY_CONFIG",
            "HELM_REGISTRY_CONFIG",
        )
    }
    return {
        **empty,
        "HOME": str(aside),
        "HELM_NO_PLUGINS": "1",
        "HELM_DEBUG": "false",
        "HELM_NAMESPACE": "",
        "KUBECONFIG": str(aside / "kubeconfig"),
        "KUBERNETES_SERVICE_HOST": "",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "",
    }
