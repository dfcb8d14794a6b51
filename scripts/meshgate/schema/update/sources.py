"""Where the schemas come from: pinned Go modules, fetched and verified by the go command."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from meshgate import tools
from meshgate.errors import ToolError
from meshgate.process import run

DOWNLOAD_TIMEOUT = 900.0

ISTIO_MODULE = "istio.io/api"
ISTIO_FILE = "kubernetes/customresourcedefinitions.gen.yaml"
ISTIO_VERSIONS = ("v1.28.0", "v1.29.2", "v1.30.8", "v1.31.4")

KUBERNETES_MODULE = "k8s.io/kubernetes"
KUBERNETES_VERSION = "v1.37.2"

ARGOCD_MODULE = "github.com/argoproj/argo-cd/v3"
ARGOCD_VERSION = "v3.5.7"
ARGOCD_FILES = (
    "manifests/crds/application-crd.yaml",
    "manifests/crds/applicationset-crd.yaml",
    "manifests/crds/appproject-crd.yaml",
)

# The folder of each controller, with its module and what it defines.
FLUX_VERSION = "v1.9.6"
FLUX_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "flux/source-controller": (
        "github.com/fluxcd/source-controller",
        ("config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",),
    ),
    "flux/kustomize-controller": (
        "github.com/fluxcd/kustomize-controller",
        ("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
    ),
}


class Module(NamedTuple):
    """A downloaded Go module."""

    path: str
    version: str
    folder: Path

    def read(self, file: str) -> bytes:
        """The bytes of one of its files. Raises ToolError when it is not there."""
        try:
            return (self.folder / file).read_bytes()
        except OSError as error:
            raise ToolError(
                f"{self.path}@{self.version} has no {file}: {error.strerror}",
                hint="the module's layout has changed; adapt meshgate/schema/update/sources.py",
            ) from error

    def record(self, *files: str) -> dict[str, object]:
        """What the index says of this source: module, version, digest of each file read."""
        digests = {file: hashlib.sha256(self.read(file)).hexdigest() for file in files}
        return {"module": self.path, "version": self.version, "sha256": digests}


def download(path: str, version: str) -> Module:
    """Fetch a module into Go's cache; the go command checks it against the checksum database.

    Raises ToolError when there is no go, or the module cannot be had.
    """
    with tempfile.TemporaryDirectory() as nowhere:  # outside every module, whatever the caller's
        done = run(
            [str(tools.go()), "mod", "download", "-json", f"{path}@{version}"],
            timeout=DOWNLOAD_TIMEOUT,
            cwd=Path(nowhere),
            environment={"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise ToolError(f"go mod download {path}@{version} failed", why=done.stderr) from error
    if done.code != 0 or "Dir" not in answer:
        raise ToolError(
            f"go mod download {path}@{version} failed", why=answer.get("Error", done.stderr)
        )
    return Module(path, version, Path(answer["Dir"]))
