"""Claim: what an edit opens, leads away or takes is told, in whatever shape it comes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from judged import judged
from meshgate.cli import main
from promoted import RULE, Promoted, commit, git, promote, write

pytestmark = pytest.mark.sampled(every=2)

Change = Callable[[str, str], Path]

DENY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart, namespace: shop}
spec:
  action: DENY
  rules: [{from: [{source: {notNamespaces: [shop]}}]}]
"""
NAMED = "policies/shop/authorizationpolicy-cart.yaml"
SHOP = "policies/shop/kustomization.yaml"
BOTH = "resources: [destinationrule-cart.yaml, authorizationpolicy-cart.yaml]\n"
EDITS = {
    "it selects nobody": DENY.replace("  action", "  selector: {matchLabels: {app: x}}\n  action"),
    "it denies nothing": DENY.replace("rules: [{from", "rules: []\n  # [{from"),
    "it only writes it down": DENY.replace("DENY", "AUDIT"),
    "it is about a port that is not there": DENY.replace(
        "{from:", "{to: [{operation: {ports: ['9999']}}], from:"
    ),
    "it is of another namespace": DENY.replace("namespace: shop}", "namespace: attic}"),
    "it lets everybody in": DENY.replace("DENY", "ALLOW").replace(
        "[{from: [{source: {notNamespaces: [shop]}}]}]", "[{}]"
    ),
    "it asks for what nobody has": DENY.replace(
        "notNamespaces: [shop]", "notNamespaces: [shop], principals: [nobody]"
    ),
    "it is about a path that is not there": DENY.replace(
        "{from:", "{to: [{operation: {paths: [/nowhere]}}], from:"
    ),
    "it is about another target": DENY.replace(
        "  action", "  targetRefs: [{kind: Service, group: '', name: other}]\n  action"
    ),
    "it denies its own alone": DENY.replace("notNamespaces", "namespaces"),
    "it only tries it": DENY.replace(
        "namespace: shop}", "namespace: shop, annotations: {istio.io/dry-run: 'true'}}"
    ),
}


@pytest.fixture(scope="module")
def denying(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Staging denies what comes from elsewhere. Never change it."""
    folder = tmp_path_factory.mktemp("denying") / "repository"
    git(folder.parent, "clone", "--quiet", str(promoted_once.folder), str(folder))
    commit(folder, {NAMED: DENY, SHOP: BOTH}, "deny", day=5)
    promote(folder, "staging", day=6)
    return folder


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.sampled(every=3)
def test_an_edit_that_opens_is_judged_as_a_deletion(
    denying: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(denying), str(folder))
    commit(folder, {NAMED: EDITS[name]}, name, day=7)
    base = git(folder, "rev-parse", "HEAD")
    promote(folder, "staging", day=8)
    found = {refusal.guard for refusal in judged(folder, base, "HEAD").refusals}
    assert found & {"PR15", "PR16", "PR24"}, found


AWAY = {
    "another host": "http: [{route: [{destination: {host: evil.example.com}}]}]",
    "a mirror": "http: [{mirror: {host: evil.example.com}, "
    "route: [{destination: {host: cart.shop.svc.cluster.local}}]}]",
    "a redirect": "http: [{redirect: {authority: evil.example.com}}]",
    "an answer of its own": "http: [{directResponse: {status: 200}}]",
    "somewhere else by delegation": "http: [{delegate: {name: led, namespace: shop}}]",
    "mirrors of a part": "http: [{mirrors: [{destination: {host: evil.example.com}, "
    "percentage: {value: 1}}], route: [{destination: {host: cart.shop.svc.cluster.local}}]}]",
    "a rewritten name": "http: [{rewrite: {authority: evil.example.com}, "
    "route: [{destination: {host: evil.example.com}}]}]",
    "for one path alone": "http: [{match: [{uri: {prefix: /pay}}], "
    "route: [{destination: {host: evil.example.com}}]}, "
    "{route: [{destination: {host: cart.shop.svc.cluster.local}}]}]",
    "a part of it": "http: [{route: [{destination: {host: cart.shop.svc.cluster.local}, "
    "weight: 99}, {destination: {host: evil.example.com}, weight: 1}]}]",
}


@pytest.mark.parametrize("name", AWAY)
def test_a_call_that_is_led_away_is_no_clean_change(
    promoted_once: Promoted, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(promoted_once.folder), str(folder))
    route = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        "metadata: {name: cart, namespace: shop}\n"
        f"spec:\n  hosts: [cart.shop.svc.cluster.local]\n  {AWAY[name]}\n"
    )
    route += (
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        "metadata: {name: away, namespace: shop}\n"
        "spec:\n  hosts: [evil.example.com]\n  resolution: DNS\n  location: MESH_EXTERNAL\n"
        "  ports: [{number: 80, name: http, protocol: HTTP}]\n"
    )
    route += (
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        "metadata: {name: led, namespace: shop}\n"
        "spec: {http: [{route: [{destination: {host: evil.example.com}}]}]}\n"
    ) * ("delegate" in route)
    listed = "resources: [destinationrule-cart.yaml, virtualservice-cart.yaml]\n"
    write(folder, {"policies/shop/virtualservice-cart.yaml": route, SHOP: listed})
    code = main(["diff", "-C", str(folder), "--base", "HEAD", "--env", "dev"])
    code |= main(["validate", "-C", str(folder), "dev"])
    told = capsys.readouterr().out
    assert code == 1, told
    assert "virtualservice-cart.yaml" in told


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


ODD: dict[str, Callable[[Path], None]] = {
    "a pipe": fifo,
    "a link out": link("/etc/passwd"),
    "a device": link("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}
PLACES = ("inventory/dev/x.yaml", "waivers/dev.yaml", "expectations/dev.yaml")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ODD)
def test_a_file_that_is_none_is_told_and_never_waited_for(
    hostile_repository: Change, name: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = hostile_repository("policies/mesh/x.md", "x")
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    ODD[name](path)
    code = main(["validate", "-C", str(root)])
    told = capsys.readouterr()
    assert code in {1, 2, 3}, told
    assert place.rpartition("/")[2] in told.out + told.err
    assert "root:" not in told.out + told.err


PATCHES = {
    "copies that double": "patches:\n  - target: {kind: ConfigMap}\n    patch: |-\n"
    + "".join(
        f"      - {{op: copy, from: /data, path: /data/x{number}}}\n" for number in range(28)
    ),
    "a generator of itself": "configMapGenerator:\n"
    + "".join(f"  - {{name: a{number}, files: [kustomization.yaml]}}\n" for number in range(3000)),
}
SEED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {a: xxxx}\n"


@pytest.mark.parametrize("name", PATCHES)
def test_an_overlay_that_grows_ends_within_limits(
    hostile_repository: Change, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgate.process import Limits  # noqa: PLC0415

    monkeypatch.setattr("meshgate.source.kustomize.LIMITS", Limits(1 << 30, 16 << 20))
    root = hostile_repository("overlays/dev/a.yaml", SEED)
    (root / "overlays/dev/kustomization.yaml").write_text(
        "resources: [a.yaml]\n" + PATCHES[name], "utf-8"
    )
    assert main(["validate", "-C", str(root), "--no-cache"]) in {1, 3}


LINES = {
    "a year that is none": ["validate", "--today", "0000-01-01"],
    "a name in upper case": ["validate", "DEV"],
    "a reference that is an option": ["validate", "--changed-since=--upload-pack=x"],
    "a base that is an option": ["check", "--base=--output=x"],
    "a folder that is a file": ["lint", "environments.yaml/x"],
    "a format into a folder that is not there": ["validate", "--format", "json=no/where/x"],
    "a name with a NUL": ["explain", "a\0b/c", "d.e", "--env", "dev"],
    "nothing": ["explain", "", "", "--env", "dev"],
}


@pytest.mark.parametrize("name", LINES)
def test_no_line_ends_in_a_traceback(
    hostile_repository: Change, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = hostile_repository("policies/mesh/x.md", RULE)
    try:
        code = main([*LINES[name], "-C", str(root)])
    except SystemExit as error:
        code = int(error.code or 0)
    told = capsys.readouterr()
    assert 0 < code < 70, told
    assert "Traceback" not in told.out + told.err
