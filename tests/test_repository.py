"""What this repository promises of itself; each check must also fail on a copy that breaks it."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from conftest import TODAY
from meshgate import config, schema, source
from meshgate.cli import main
from meshgate.cluster import sync
from meshgate.errors import MeshgateError
from meshgate.model import JSON, JSONObject

pytestmark = pytest.mark.sampled(every=2)

ROOT = Path(__file__).parent.parent
COPIED = (
    *("policies", "overlays", "inventory", "waivers", "expectations", "sync", ".github"),
    *(
        "environments.yaml",
        "action.yml",
        ".sourceignore",
        "Containerfile",
        "promotion",
        "pyproject.toml",
    ),
)
ARGO = "sync/argocd"
FLUX = "sync/flux"
KUSTOMIZATION = "kustomization.yaml"
# Promotion writes there, from the day that an environment is pinned.
PROMOTED = ("/rendered/", "/promotion/state/", "/promotion/ledger/")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")


def documents(file: Path) -> list[JSONObject]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def overlays_build(root: Path) -> Iterator[str]:
    for environment in config.load(root).environments:
        try:
            if not source.render(root, environment.overlay, cache=None).resources:
                yield f"{environment.overlay} renders to nothing"
        except MeshgateError as error:
            yield str(error)


def environments_and_folders_agree(root: Path) -> Iterator[str]:
    environments = config.load(root).environments
    overlays = {environment.overlay for environment in environments}
    names = {environment.name for environment in environments}
    yield from overlays ^ {f"overlays/{folder.name}" for folder in (root / "overlays").iterdir()}
    yield from names ^ {folder.name for folder in (root / "inventory").iterdir()}
    yield from names ^ {file.stem for file in (root / "expectations").iterdir()}


def waivers_are_unexpired(root: Path) -> Iterator[str]:
    today = dt.date.fromisoformat(TODAY)
    for environment in config.load(root).environments:
        for waiver in environment.waivers:
            if waiver.expires < today:
                yield f"{waiver.source}: {waiver.rule}"


def codeowners_match_files(root: Path) -> Iterator[str]:
    """Only `*` and rooted paths are used, so that no pattern needs more than a look."""
    for line in (root / ".github/CODEOWNERS").read_text().splitlines():
        pattern = line.partition("#")[0].split(maxsplit=1)
        if not pattern or pattern[0] == "*":
            continue
        place = (root if (root / ".git").exists() else ROOT) / pattern[0].strip("/")
        is_folder = pattern[0].endswith("/")
        found = any(place.rglob("*")) if is_folder else place.is_file()
        found = found or pattern[0].startswith(PROMOTED)
        if not pattern[0].startswith("/") or len(pattern) == 1 or not found:
            yield line


def actions_are_pinned(root: Path) -> Iterator[str]:
    files = [*(root / ".github").rglob("*.yml"), root / "action.yml"]
    for file in files:
        for line in file.read_text().splitlines():
            # `permission-statuses:` is no `uses:`.
            found = re.search(r"(?<![\w-])uses: (.*)", line)
            action = found[1].strip() if found else "./"
            if not action.startswith("./") and not PINNED.fullmatch(action):
                yield f"{file.name}: {action}"


def image_is_pinned_and_no_root(root: Path) -> Iterator[str]:
    """Its bases are named by digest, its kustomize is the one of releases, and nobody runs it."""
    lines = (root / "Containerfile").read_text().splitlines()
    bases = dict(line.removeprefix("ARG ").split("=", 1) for line in lines if line[:4] == "ARG ")
    for base in bases.values():
        if not re.search(r"@sha256:[0-9a-f]{64}$", base):
            yield f"{base} has no digest"
    for line in lines:
        if line.startswith("FROM ") and line.split()[1] not in {f"${{{name}}}" for name in bases}:
            yield line
    (toolchain,) = documents(root / "promotion/toolchain.yaml")
    if f"kustomize/v5@v{toolchain['renderer']['kustomize']}" not in "\n".join(lines):
        yield "another kustomize than promotion/toolchain.yaml has"
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield "it runs as root"


def wheel_is_made_of_the_sdist(root: Path) -> Iterator[str]:
    """What the wheel includes from elsewhere in the tree is in the sdist that it is built from."""
    targets = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    sdist = targets["targets"]["sdist"]["only-include"]
    for path in (*targets["targets"]["wheel"]["force-include"], "README.md", "LICENSE"):
        inside = any(path == each or path.startswith(f"{each}/") for each in sdist)
        # Builders put it there themselves.
        if not inside and path != "pyproject.toml":
            yield path


def one_object_per_file(root: Path) -> Iterator[str]:
    """A file in policies/ is called after its kind and name."""
    for file in (root / "policies").rglob("*.yaml"):
        held = documents(file)
        names = [f"{item['kind'].lower()}-{item.get('metadata', {}).get('name')}" for item in held]
        if file.name != KUSTOMIZATION and names != [file.stem]:
            yield str(file.relative_to(root))


def sync_objects_are_fresh(root: Path) -> Iterator[str]:
    """What clusters are told is what environments.yaml and the policies say today."""
    configuration = config.load(root)
    targets = sync.targets(root, configuration, configuration.environments, cache=None)
    for agent in sync.AGENTS:
        yield from sync.stale(root, sync.files(agent, targets, targets))
        yield from sync.leftovers(root, agent, [target.environment.name for target in targets])
        for target in targets:
            yield from map(str, sync.unprotected(agent, target.rendered))


def sync_objects_are_what_the_agents_read(root: Path) -> Iterator[str]:
    for file in sorted((root / "sync").rglob("*.yaml")):
        resources = source.read_path(root, file).resources
        for violation in schema.check(resources, istio="1.31", engine="jsonschema", allowed=None):
            yield f"{file.name}: {violation.path}: {violation.message}"


class Pod(NamedTuple):
    """What decides of a workload here."""

    namespace: str
    labels: dict[str, str]
    answers_mutual_tls: bool


def services_without_sidecar_are_excepted(root: Path) -> Iterator[str]:
    """Each has an exact rule in the root namespace and a reason in `mesh.outside`."""
    rules = {
        rule["spec"]["host"]
        for file in (root / "policies/mesh-wide").glob("destinationrule-*.yaml")
        for rule in documents(file)
        if rule["metadata"]["namespace"] == "istio-system"
        if rule["spec"]["trafficPolicy"]["tls"]["mode"] == "DISABLE"
    }
    for environment in config.load(root).environments:
        folder = root / "inventory" / environment.name
        outside = set(hosts_without_sidecar([i for f in folder.iterdir() for i in documents(f)]))
        declared = {host.host for host in environment.mesh.outside}
        yield from outside ^ rules
        yield from outside ^ (declared | {environment.mesh.api_server_host})


def hosts_without_sidecar(inventory: list[JSONObject]) -> Iterator[str]:
    injected = {
        item["metadata"]["name"]
        for item in inventory
        if item["kind"] == "Namespace"
        if item["metadata"]["labels"].get("istio-injection") == "enabled"
    }
    pods = [pod(item, injected) for item in inventory if item["kind"] != "Namespace"]
    for item in inventory:
        if item["kind"] == "Service":
            metadata, wanted = item["metadata"], item["spec"].get("selector", {}).items()
            behind = [
                found
                for found in pods
                if found and wanted and found.namespace == metadata["namespace"]
                if wanted <= found.labels.items()
            ]
            if not any(found.answers_mutual_tls for found in behind):
                yield f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"


def pod(item: JSON, injected: set[str]) -> Pod | None:
    if item["kind"] == "Service":
        return None
    namespace = item["metadata"]["namespace"]
    metadata = item["metadata"] if item["kind"] == "Pod" else item["spec"]["template"]["metadata"]
    labels = metadata["labels"]
    sidecar = labels.get("sidecar.istio.io/inject", str(namespace in injected).lower()) == "true"
    gateway = "inject.istio.io/templates" in metadata.get("annotations", {})
    return Pod(namespace, labels, sidecar and not gateway)


def tamper(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces a text that must be there."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text, f"{file} has no {old!r}"
        (root / file).write_text(text.replace(old, new, 1))

    return change


WILDCARD_RULE = "policies/mesh-wide/destinationrule-prometheus.yaml"
CHECKS: dict[str, tuple[Callable[[Path], Iterator[str]], Callable[[Path], object]]] = {
    "overlays-build": (
        overlays_build,
        tamper("overlays/prod/kustomization.yaml", "policies/boards", "policies/board"),
    ),
    "overlay-without-environment": (
        environments_and_folders_agree,
        lambda root: (root / "overlays/prod-eu").mkdir(),
    ),
    "environment-without-inventory": (
        environments_and_folders_agree,
        lambda root: shutil.rmtree(root / "inventory/prod"),
    ),
    "waivers": (waivers_are_unexpired, tamper("waivers/prod.yaml", "2027-", "2025-")),
    "owners": (
        codeowners_match_files,
        tamper(".github/CODEOWNERS", "/overlays/prod/", "/overlays/production/"),
    ),
    "owners-missing": (
        codeowners_match_files,
        tamper(".github/CODEOWNERS", "/waivers/ ", "/waivers/ #"),
    ),
    "action-by-tag": (
        actions_are_pinned,
        lambda root: [
            file.write_text(re.sub(r"@[0-9a-f]{40} # (v\d+)\S*", r"@\1", file.read_text()))
            for file in (root / ".github/workflows").iterdir()
        ],
    ),
    "wheel-of-what-the-sdist-lacks": (
        wheel_is_made_of_the_sdist,
        tamper("pyproject.toml", '"scripts", "schemas", ', '"scripts", '),
    ),
    "image-by-tag": (
        image_is_pinned_and_no_root,
        tamper("Containerfile", "slim-trixie@sha256:0", "slim-trixie"),
    ),
    "image-from-elsewhere": (image_is_pinned_and_no_root, tamper("Containerfile", "${GO}", "go")),
    "image-as-root": (image_is_pinned_and_no_root, tamper("Containerfile", "USER ", "# USER ")),
    "image-with-another-kustomize": (
        image_is_pinned_and_no_root,
        tamper("Containerfile", "v5@v5", "v5@v4"),
    ),
    "two-objects-in-a-file": (
        one_object_per_file,
        tamper(WILDCARD_RULE, "# ", "kind: Gateway\n---\n# "),
    ),
    "file-named-otherwise": (one_object_per_file, tamper(WILDCARD_RULE, ": prometheus", ": prom")),
    "application-of-another-path": (
        sync_objects_are_fresh,
        tamper(f"{ARGO}/prod.yaml", "path: rendered/prod", "path: overlays/prod"),
    ),
    "sync-of-another-repository": (
        sync_objects_are_fresh,
        tamper("environments.yaml", "mesh-policies.git", "policies.git"),
    ),
    "sync-of-an-environment-that-is-gone": (
        sync_objects_are_fresh,
        lambda root: shutil.copy(root / f"{ARGO}/prod.yaml", root / f"{ARGO}/prod-eu.yaml"),
    ),
    "sync-may-write-another-kind": (
        sync_objects_are_fresh,
        tamper(f"{FLUX}/prod/sync.yaml", "  - sidecars", "  - envoyfilters"),
    ),
    "mesh-wide-policy-pruned-without-a-question": (
        sync_objects_are_fresh,
        tamper("policies/mesh-wide/peerauthentication-default.yaml", "Prune=confirm", "Prune=true"),
    ),
    "application-with-an-unknown-field": (
        sync_objects_are_what_the_agents_read,
        tamper(f"{ARGO}/prod.yaml", "selfHeal:", "selfheal:"),
    ),
    "kustomization-with-an-unknown-field": (
        sync_objects_are_what_the_agents_read,
        tamper(f"{FLUX}/prod/sync.yaml", "retryInterval:", "retryinterval:"),
    ),
    "exception-missing": (
        services_without_sidecar_are_excepted,
        lambda root: (root / WILDCARD_RULE).unlink(),
    ),
    "exception-not-exact": (
        services_without_sidecar_are_excepted,
        tamper(WILDCARD_RULE, "host: prometheus.", "host: prom."),
    ),
    "database-gets-a-sidecar": (
        services_without_sidecar_are_excepted,
        tamper("inventory/prod/boards.yaml", 'inject: "false"', 'inject: "true"'),
    ),
}


def copied(folder: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that nobody breaks."""
    return copied(tmp_path_factory.mktemp("unbroken"))


@pytest.mark.parametrize(
    "check", dict.fromkeys(check for check, _ in CHECKS.values()), ids=lambda f: f.__name__
)
def test_holds(check: Callable[[Path], Iterator[str]], unbroken: Path) -> None:
    assert list(check(ROOT)) == []
    assert list(check(unbroken)) == [], "no copy of it could show that it can fail"


@pytest.mark.parametrize("control", CHECKS)
def test_can_fail(control: str, copy: Path) -> None:
    check, break_it = CHECKS[control]

    break_it(copy)

    assert list(check(copy)) != []


def test_what_clusters_sync_is_what_was_reviewed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every record of this repository's own ledgers is rendered again; `test_audit` can fail."""
    code = main(["-C", str(ROOT), "audit", "--deep", "--format", "json"])

    told = capsys.readouterr()
    assert code == 0, told
    audited = json.loads(told.out)["environments"]
    assert [each["environment"] for each in audited] == ["staging", "prod"]
    assert all(each["release"] for each in audited)
