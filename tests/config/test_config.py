"""The repository's own files are read exactly, or refused with the place and the way out."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from meshgate import config
from meshgate.config import reading
from meshgate.errors import UsageError
from meshgate.model import (
    MESH_KINDS,
    Acknowledgement,
    ClusterSelection,
    Difference,
    Expectation,
    ExtensionProvider,
    Floor,
    MeshFacts,
    OutsideHost,
    Pause,
    Position,
    RequiredApprovals,
    ReviewTeams,
    Severity,
    Waiver,
)
from meshgate.model.environment import SoakTimes
from places import REPOSITORY

FULL = """\
environments:
  - name: dev
    overlay: overlays/dev
  - name: canary
    overlay: overlays/canary/
    after: [dev]
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: {any: [dev, canary]}
    select: newest-eligible
    merge: tool
    gates: [quiet, open]
    soak: {promote: 24h, hotfix: 0s}
    approvals: {count: 2, teams: [mesh], notRequester: true, weakening: {teams: [security]}}
    clusters: {selector: {mesh-env: prod}}
    ring: 2
    mesh:
      istio: "1.30"
      distribution: ossm3
      dataPlane: ambient
      rootNamespace: mesh-root
      clusterDomain: corp.local
      enableAutoMtls: false
      defaultDestinationRuleExportTo: ["."]
      outboundTrafficPolicy: REGISTRY_ONLY
      rewriteAppHTTPProbe: false
      revision: canary
      discoverySelectors: [{matchLabels: {mesh: "yes"}}]
      outside: [{host: db.corp, reason: managed}]
    require:
      mtls: PERMISSIVE
      wildcardHosts: [{host: "*", namespace: mesh-root}]
      kinds: [PeerAuthentication]
    severities: {PA012: error}
gates:
  - {name: quiet, type: soak, duration: 24h, onMissing: block}
  - {name: open, type: window, windows: [office]}
windows:
  - {name: office, kind: allow, cron: "0 8 * * 1-5", duration: 9h, timezone: Europe/Berlin,
     environments: [prod], events: [promote]}
  - {name: freeze, kind: deny, from: 2026-12-20T00:00, to: 2027-01-04T00:00}
paused: {by: mesh, reason: audit}
supersede: close
"""

WAIVERS = """\
waivers:
  - rule: PA002
    resource: PeerAuthentication/boards/metrics
    path: spec.portLevelMtls
    owner: team-boards
    reason: scraped
    expires: 2026-12-31
differences:
  - {workload: boards/boards, port: 9102, owner: a, reason: b, expires: 2026-09-01}
acknowledgements:
  - {release: r-0123456789ab, breaks: abc, owner: a, reason: b, until: 2026-09-02}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with three environments and every key there is."""
    (tmp_path / "environments.yaml").write_text(FULL)
    for name in ("dev", "canary", "prod"):
        (tmp_path / "overlays" / name).mkdir(parents=True)
    (tmp_path / "waivers").mkdir()
    (tmp_path / "waivers/prod.yaml").write_text(WAIVERS)
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations/dev.yaml").write_text(
        "expectations:\n  - {from: boards/rogue, to: boards.boards.svc.cluster.local:8080, "
        "outcome: refused}\n"
    )
    return tmp_path


def test_every_key_reaches_its_value(repository: Path) -> None:
    loaded = config.load(repository)
    prod = loaded.environments[2]

    assert [environment.name for environment in loaded.environments] == ["dev", "canary", "prod"]
    assert loaded.environments[1].overlay == "overlays/canary"
    assert (prod.mode, prod.after, prod.after_all) == ("pinned", ("dev", "canary"), False)
    assert prod.clusters == ClusterSelection({"mesh-env": "prod"})
    mesh = prod.mesh
    assert (mesh.istio, mesh.distribution, mesh.data_plane) == ("1.30", "ossm3", "ambient")
    assert (mesh.root_namespace, mesh.cluster_domain) == ("mesh-root", "corp.local")
    assert (mesh.enable_auto_mtls, mesh.rewrite_app_http_probe) == (False, False)
    assert mesh.default_destination_rule_export_to == (".",)
    assert (mesh.outbound_traffic_policy, mesh.revision) == ("REGISTRY_ONLY", "canary")
    assert mesh.discovery_selectors == ({"matchLabels": {"mesh": "yes"}},)
    assert mesh.outside == (
        OutsideHost("db.corp", "managed", source=Position("environments.yaml", 1, 1)),
    )
    assert mesh.outside[0].source == Position("environments.yaml", 30, 17)
    assert prod.require.mtls == "PERMISSIVE"
    assert prod.require.kinds == ("PeerAuthentication",)
    assert [tuple(vars_of(host)) for host in prod.require.wildcard_hosts] == [
        ("*", "mesh-root", None)
    ]
    assert prod.severities == {"PA012": Severity.ERROR}
    assert loaded.paused == Pause("mesh", "audit")
    assert [gate.name for gate in loaded.gates] == ["quiet", "open"]
    assert [window.name for window in loaded.windows] == ["office", "freeze"]
    assert prod.soak == SoakTimes(promote="24h", hotfix="0s")


def vars_of(host: object) -> list[object]:
    return [getattr(host, name) for name in ("host", "namespace", "mode")]


def test_defaults_are_istios_and_the_floor_is_strict(repository: Path) -> None:
    dev = config.load(repository).environments[0]

    assert (dev.mesh.istio, dev.mesh.root_namespace) == ("1.31", "istio-system")
    assert dev.mesh.enable_auto_mtls
    assert (dev.require.mtls, dev.require.kinds) == ("STRICT", None)
    assert (dev.mode, dev.after, dev.waivers) == ("floating", (), ())


def test_what_is_accepted_knows_its_place(repository: Path) -> None:
    dev, _, prod = config.load(repository).environments

    assert prod.waivers == (
        Waiver(
            rule="PA002",
            resource="PeerAuthentication/boards/metrics",
            path="spec.portLevelMtls",
            owner="team-boards",
            reason="scraped",
            expires=dt.date(2026, 12, 31),
            source=Position("waivers/prod.yaml", 2, 5),
        ),
    )
    assert prod.differences == (
        Difference(
            workload="boards/boards",
            port=9102,
            owner="a",
            reason="b",
            expires=dt.date(2026, 9, 1),
            source=Position("waivers/prod.yaml", 9, 5),
        ),
    )
    assert prod.acknowledgements == (
        Acknowledgement(
            release="r-0123456789ab",
            breaks="abc",
            owner="a",
            reason="b",
            until=dt.date(2026, 9, 2),
            source=Position("waivers/prod.yaml", 11, 5),
        ),
    )
    assert dev.expectations == (
        Expectation(
            client="boards/rogue",
            to="boards.boards.svc.cluster.local:8080",
            outcome="refused",
            source=Position("expectations/dev.yaml", 2, 5),
        ),
    )


def swap(old: str, new: str, file: str = "environments.yaml") -> Callable[[Path], None]:
    """Replaces a text that must be there, once."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change


def write(text: str | bytes, file: str = "environments.yaml") -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / file).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def link(file: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / file
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
        path.symlink_to(target)

    return change


def waivers_as_a_file(root: Path) -> None:
    shutil.rmtree(root / "waivers")
    (root / "waivers").touch()


REFUSED = {
    "unknown-key": (
        swap("    ring: 2", "    rings: 2"),
        "environments.yaml:17:5: environments[2].rings: unknown field `rings`",
        "did you mean `ring`?",
    ),
    "misspelt-required-key": (
        swap("overlay: overlays/dev", "overlai: overlays/dev"),
        "environments[0].overlai: unknown field `overlai`",
        "did you mean `overlay`?",
    ),
    "key-like-no-other": (
        swap("supersede: close", "zzz: close"),
        "environments.yaml:44:1: zzz: unknown field `zzz`",
        "the fields here are `defaults`, `environments`, `gates`, `links`, `paused`,",
    ),
    "missing-key": (
        swap("    overlay: overlays/dev\n", ""),
        "environments.yaml:2:5: environments[0]: `overlay` is missing",
        "",
    ),
    "duplicate-key": (
        swap("mode: pinned", "mode: pinned\n    mode: floating"),
        "environments.yaml:10:5: the key 'mode' is here twice",
        "remove one of them",
    ),
    "number-where-text-is-meant": (
        swap('istio: "1.30"', "istio: 1.30"),
        "environments.yaml:19:7: environments[2].mesh.istio: is 1.3, must be a string",
        'quote it: "1.3"',
    ),
    "text-where-truth-is-meant": (
        swap("enableAutoMtls: false", "enableAutoMtls: no"),
        'environments[2].mesh.enableAutoMtls: is "no", must be true or false',
        "",
    ),
    "mode-in-lower-case": (
        swap("mtls: PERMISSIVE", "mtls: permissive"),
        'environments[2].require.mtls: is "permissive"',
        "did you mean `PERMISSIVE`? Allowed: `STRICT`, `PERMISSIVE` and `DISABLE`",
    ),
    "name-that-is-no-label": (
        swap("name: dev", "name: Dev_1"),
        'environments.yaml:2:5: environments[0].name: "Dev_1" does not match',
        "Lower-case letters, digits and hyphens.",
    ),
    "rule-id-that-is-none": (
        swap("{PA012: error}", "{permissive-mode: error}"),
        '"permissive-mode" does not match',
        "",
    ),
    "severity-that-lowers": (
        swap("{PA012: error}", "{PA012: info}"),
        'environments[2].severities.PA012: is "info"',
        "",
    ),
    "after-an-unknown-environment": (
        swap("after: [dev]", "after: [dve]"),
        "environments.yaml:6:13: there is no environment 'dve'",
        "did you mean `dev`?",
    ),
    "after-any-of-an-unknown-environment": (
        swap("{any: [dev, canary]}", "{any: [dev, x]}"),
        "environments.yaml:10:24: there is no environment 'x'",
        "known: dev, canary, prod",
    ),
    "after-in-a-circle": (
        swap("overlays/dev\n", "overlays/dev\n    after: [prod]\n"),
        "`after` leads round in a circle: dev after prod after dev",
        "remove one of these",
    ),
    "after-itself": (
        swap("after: [dev]", "after: [canary]"),
        "canary after canary",
        "remove one of these",
    ),
    "name-used-twice": (
        swap("name: canary", "name: dev"),
        "environments.yaml:4:5: environments has 'dev' twice",
        "",
    ),
    "unknown-gate": (
        swap("gates: [quiet, open]", "gates: [quite]"),
        "environments.yaml:13:13: there is no gate 'quite'",
        "did you mean `quiet`?",
    ),
    "unknown-window": (
        swap("windows: [office]", "windows: [offices]"),
        "there is no window 'offices'",
        "did you mean `office`?",
    ),
    "window-for-an-unknown-environment": (
        swap("environments: [prod]", "environments: [production]"),
        "there is no environment 'production'",
        "did you mean `prod`?",
    ),
    "window-without-its-end": (
        swap(", to: 2027-01-04T00:00", ""),
        "windows[1]: `to` is missing",
        "",
    ),
    "overlay-missing": (
        swap("overlays/dev", "overlays/de"),
        "environments.yaml:3:5: the overlay 'overlays/de' is no folder",
        "kustomization.yaml",
    ),
    "overlay-out-of-the-repository": (
        swap("overlays/dev", "overlays/../../dev"),
        "the overlay 'overlays/../../dev' is not inside this repository",
        "relative to environments.yaml",
    ),
    "overlay-with-an-absolute-path": (
        swap("overlays/dev", "/etc"),
        "the overlay '/etc' is not inside this repository",
        "relative to environments.yaml",
    ),
    "overlay-that-is-the-repository": (
        swap("overlays/dev", "."),
        "the overlay '.' is the whole repository",
        "move the manifests into a folder of their own",
    ),
    "overlay-linked-out-of-the-repository": (
        link("overlays/dev", "/etc"),
        "the overlay 'overlays/dev' is not inside this repository",
        "relative to environments.yaml",
    ),
    "no-environments": (write("environments: []"), "lists no environment", "add an entry"),
    "null-environments": (write("environments:"), "lists no environment", "add an entry"),
    "empty-file": (write("# nothing\n"), "lists no environment", "add an entry"),
    "list-at-the-top": (write("- dev\n"), 'the file: is ["dev"], must be a mapping', ""),
    "no-yaml": (write("environments: [\n"), "environments.yaml:2:1: not valid YAML", ""),
    "control-character": (write(b"environments:\n - name: a\x07\n"), "not valid YAML", ""),
    "binary-file": (write(b"\x89PNG\r\n\xff"), "is not UTF-8 text", "must be saved as UTF-8"),
    "second-document": (
        swap("gates:\n", "---\ngates:\n"),
        "a second document",
        "remove `---`",
    ),
    "tag": (
        write("environments: !!python/object/apply:os.system [ls]\n"),
        "environments.yaml:1:15: the tag",
        "remove the tag",
    ),
    "deep-flow": (write("environments: " + "[" * 9999), "nested deeper than 100 levels", ""),
    "deep-block": (write("environments:\n" + "- " * 9999), "nested deeper than 100 levels", ""),
    "key-that-is-a-list": (write("? [a]\n: b\n"), "a key that is not text", ""),
    "unknown-anchor": (write("environments: *a\n"), "found undefined alias", ""),
    "alias-bomb": (
        write(
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
        ),
        "aliases expand to too many values",
        "",
    ),
    "link-out-of-the-repository": (
        link("waivers/prod.yaml", "/etc/passwd"),
        "waivers/prod.yaml is a link that leads out of this repository",
        "replace it by a file",
    ),
    "waivers-of-no-environment": (
        lambda root: (root / "waivers/prod.yaml").rename(root / "waivers/prd.yaml"),
        "waivers/prd.yaml belongs to no environment",
        "rename it to prod.yaml",
    ),
    "expectations-with-another-suffix": (
        lambda root: (root / "expectations/dev.yaml").rename(root / "expectations/dev.yml"),
        "expectations/dev.yml belongs to no environment",
        "rename it to dev.yaml",
    ),
    "waivers-that-are-a-file": (
        waivers_as_a_file,
        "waivers is no folder",
        "",
    ),
    "waiver-without-owner": (
        swap("    owner: team-boards\n", "", "waivers/prod.yaml"),
        "waivers/prod.yaml:2:5: waivers[0]: `owner` is missing",
        "",
    ),
    "waiver-on-a-day-that-is-none": (
        swap("2026-12-31", "2026-02-30", "waivers/prod.yaml"),
        'waivers/prod.yaml:7:5: waivers[0].expires: is "2026-02-30", which is no date',
        "YYYY-MM-DD",
    ),
    "waiver-for-ever": (
        swap("2026-12-31", "never", "waivers/prod.yaml"),
        'waivers[0].expires: is "never", which is no date',
        "YYYY-MM-DD",
    ),
    "waiver-for-no-object": (
        swap("PeerAuthentication/boards/metrics", "boards", "waivers/prod.yaml"),
        'waivers[0].resource: "boards" does not match',
        "Kind/namespace/name",
    ),
    "null-waivers": (
        write("waivers:\n", "waivers/prod.yaml"),
        "waivers/prod.yaml:1:1: waivers: has no value, must be a list",
        "write [] for none",
    ),
    "outcome-that-is-none": (
        swap("refused", "refuse", "expectations/dev.yaml"),
        'expectations/dev.yaml:2:68: expectations[0].outcome: is "refuse"',
        "did you mean `refused`?",
    ),
    "port-that-is-none": (
        swap(":8080", ":99999", "expectations/dev.yaml"),
        "99999 is no port",
        "HOST:PORT",
    ),
    "workload-without-namespace": (
        swap("boards/rogue", "rogue", "expectations/dev.yaml"),
        'expectations[0].from: "rogue" does not match',
        "NAMESPACE/WORKLOAD",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_refused_with_its_place_and_the_way_out(situation: str, repository: Path) -> None:
    change, what, hint = REFUSED[situation]
    change(repository)

    with pytest.raises(UsageError) as caught:
        config.load(repository)

    assert what in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_the_repository_of_these_cases_is_accepted(repository: Path) -> None:
    """The control of the test above: without a change nothing is refused."""
    assert len(config.load(repository).environments) == 3


def test_no_repository_here(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no environments\.yaml") as caught:
        config.load(tmp_path)

    assert "meshgate init" in caught.value.hint


def test_many_problems_are_told_at_once(repository: Path) -> None:
    text = (repository / "environments.yaml").read_text().replace("overlay:", "overlai:")
    (repository / "environments.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.load(repository)

    assert caught.value.what.count("unknown field `overlai`") == 3


def test_a_shared_value_may_have_an_anchor(repository: Path) -> None:
    swap("overlay: overlays/dev", "overlay: overlays/dev\n    mesh: &mesh {revision: one}")(
        repository
    )
    swap("after: [dev]", "after: [dev]\n    mesh: *mesh")(repository)

    dev, canary, _ = config.load(repository).environments

    assert dev.mesh.revision == canary.mesh.revision == "one"


def test_files_that_say_nothing_of_an_environment_are_let_be(repository: Path) -> None:
    (repository / "waivers/README.md").write_text("how to")
    (repository / "waivers/.gitkeep").touch()

    assert len(config.load(repository).environments) == 3


def test_one_mesh_for_lint(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("mesh: {enableAutoMtls: false}\nrequire: {mtls: PERMISSIVE}\n")

    environment = config.load_mesh(file)

    assert environment.name == ""
    assert (environment.mesh.enable_auto_mtls, environment.require.mtls) == (False, "PERMISSIVE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("overlay: x\n", "unknown field `overlay`"),
        ("mesh:\n", "mesh: has no value, must be a mapping"),
    ],
)
def test_a_wrong_mesh_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(text)

    with pytest.raises(UsageError, match=message):
        config.load_mesh(file)


def test_a_missing_mesh_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        config.load_mesh(tmp_path / "mesh.yaml")


def test_what_is_not_written_is_production(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(WAIVERS)

    environment = config.load_environment(
        tmp_path / "e.yaml", waivers=tmp_path / "w.yaml", expected=tmp_path / "x.yaml"
    )

    assert (environment.name, environment.require.mtls) == ("prod", "STRICT")
    assert [waiver.rule for waiver in environment.waivers] == ["PA002"]
    assert environment.expectations == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.31", 1.31),
        ("010", "010"),
        ("yes", "yes"),
        ("true", True),
        ("~", None),
        ("", None),
        ("-7", -7),
        ("12:30", "12:30"),
        ("2026-12-31", "2026-12-31"),
        ("'1'", "1"),
        ("9" * 5000, "9" * 5000),
        ("1e5", "1e5"),
    ],
)
def test_scalars_are_those_of_json(text: str, value: object) -> None:
    assert reading.parse(f"a: {text}", "f").value == {"a": value}


@pytest.mark.parametrize(
    "schema", sorted((REPOSITORY / "schemas/meshgate").glob("*.json")), ids=str
)
def test_schemas_are_sound_and_closed(schema: Path) -> None:
    content = json.loads(schema.read_text())
    jsonschema.Draft202012Validator.check_schema(content)

    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert content["$id"] == f"https://meshgate.example/schemas/{schema.name}"
    assert list(open_objects(content)) == []


def open_objects(value: object) -> list[object]:
    """The object schemas that let any key pass."""
    if isinstance(value, list):
        return [found for item in value for found in open_objects(item)]
    if not isinstance(value, dict):
        return []
    found = [item for part in value.values() for item in open_objects(part)]
    is_open = "object" in value.get("type", ()) and "additionalProperties" not in value
    return [value, *found] if is_open else found


def test_the_check_of_closed_schemas_can_fail() -> None:
    assert open_objects({"items": {"type": "object", "properties": {}}})


DEFAULTS = """\
defaults:
  mode: pinned
  gates: [quiet]
  approvals: {count: 1, weakening: {teams: [security]}}
  mesh:
    istio: "1.30"
    outside: [{host: db.corp, reason: managed}]
  require: {kinds: [PeerAuthentication, Gateway]}
environments:
  - name: dev
    overlay: overlays/dev
    mode: floating
  - name: canary
    overlay: overlays/canary
    mesh: {revision: canary}
  - name: prod
    overlay: overlays/prod
    approvals: {count: 2}
    mesh: {outside: []}
    require: {kinds: [Gateway]}
gates: [{name: quiet, type: soak}]
"""


@pytest.fixture
def shared(repository: Path) -> Path:
    """A repository whose environments share some settings."""
    (repository / "environments.yaml").write_text(DEFAULTS)
    return repository


def test_what_environments_share_is_said_once(shared: Path) -> None:
    dev, canary, prod = config.load(shared).environments

    assert [environment.mesh.istio for environment in (dev, canary, prod)] == ["1.30"] * 3
    assert (canary.mesh.revision, canary.gates) == ("canary", ("quiet",))
    assert [host.host for host in canary.mesh.outside] == ["db.corp"]
    # Mappings merge, lists replace.
    assert prod.approvals == RequiredApprovals(count=2, weakening=ReviewTeams(("security",)))
    assert (prod.mesh.outside, prod.require.kinds) == ((), ("Gateway",))
    # A floating environment has no promotion to set.
    assert (dev.mode, dev.gates, dev.approvals) == ("floating", None, None)


def test_a_shared_value_stands_where_it_is_written(shared: Path) -> None:
    dev, canary, _ = config.load(shared).environments

    assert dev.mesh.outside[0].source == Position("environments.yaml", 7, 15)
    assert canary.mesh.outside[0].source == dev.mesh.outside[0].source


def test_environments_are_shown_merged(shared: Path) -> None:
    merged = config.merged(shared)

    assert list(merged) == ["dev", "canary", "prod"]
    assert merged["prod"] == {
        "name": "prod",
        "overlay": "overlays/prod",
        "approvals": {"count": 2, "weakening": {"teams": ["security"]}},
        "mesh": {"istio": "1.30", "outside": []},
        "require": {"kinds": ["Gateway"]},
        "mode": "pinned",
        "gates": ["quiet"],
    }
    prod = config.load(shared).environments[-1]
    assert (prod.mode, prod.gates, prod.overlay) == ("pinned", ("quiet",), "overlays/prod")


@pytest.mark.parametrize(
    ("old", "new", "what", "hint"),
    [
        (
            "  mode: pinned\n",
            "  mdoe: pinned\n",
            "environments.yaml:2:3: defaults.mdoe: unknown field `mdoe`",
            "did you mean `mode`?",
        ),
        (
            "  mode: pinned\n",
            "  name: all\n",
            "environments.yaml:2:3: defaults.name: unknown field `name`",
            "did you mean `names`?",
        ),
        (
            'istio: "1.30"',
            "istio: 1.30",
            "environments.yaml:6:5: defaults.mesh.istio: is 1.3, must be a string",
            'quote it: "1.3"',
        ),
        (
            "gates: [quiet]",
            "gates: [quite]",
            "environments.yaml:3:11: there is no gate 'quite'",
            "did you mean `quiet`?",
        ),
        (
            "  mode: pinned\n",
            "  overlay: overlays/nowhere\n",
            "environments.yaml:2:3: the overlay 'overlays/nowhere' is no folder",
            "create it",
        ),
        (
            "    overlay: overlays/canary\n",
            "",
            "environments.yaml:13:5: environments[1]: `overlay` is missing",
            "add `overlay:`",
        ),
        (
            "    mesh: {revision: canary}\n",
            "    after: {any: [dev]}\n",
            "environments.yaml:16:5: environments[1].after",
            "",
        ),
    ],
)
def test_what_is_wrong_in_defaults_is_told_where_it_stands(
    shared: Path, old: str, new: str, what: str, hint: str
) -> None:
    assert old in DEFAULTS
    text = DEFAULTS.replace(old, new)
    if "after" in new:
        text = text.replace("  mode: pinned\n", "  mode: pinned\n  after: {all: [dev]}\n", 1)
    if "nowhere" in new:
        text = text.replace("    overlay: overlays/dev\n", "")
    (shared / "environments.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.load(shared)

    assert what in str(caught.value)
    assert hint in caught.value.hint


def test_new_facts_have_istios_defaults(repository: Path) -> None:
    dev = config.load(repository).environments[0]

    assert (dev.mesh.trust_domain, dev.mesh.trust_domain_aliases) == ("cluster.local", ())
    assert (dev.mesh.path_normalization, dev.mesh.extension_providers) == ("BASE", ())
    assert (dev.mesh.network_policies, dev.require.authorization) == ("enforced", "none")
    assert dev.require.new_access == "told"
    assert set(MESH_KINDS) == {
        *("PeerAuthentication", "DestinationRule", "AuthorizationPolicy", "Gateway"),
        *("VirtualService", "ServiceEntry", "Sidecar"),
    }


def test_facts_of_authorization_are_read(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "mesh:\n"
        "  trustDomain: corp\n"
        "  trustDomainAliases: [old.corp]\n"
        "  pathNormalization: MERGE_SLASHES\n"
        "  extensionProviders: [{name: opa, kind: grpc}]\n"
        "  networkPolicies: ignored\n"
        "require: {authorization: default-deny, newAccess: reviewed}\n"
    )

    environment = config.load_mesh(file)

    assert environment.mesh == MeshFacts(
        trust_domain="corp",
        trust_domain_aliases=("old.corp",),
        path_normalization="MERGE_SLASHES",
        extension_providers=(ExtensionProvider("opa", "grpc"),),
        network_policies="ignored",
    )
    assert environment.require == Floor(authorization="default-deny", new_access="reviewed")


def test_an_environment_that_is_an_alias_of_another_is_there_twice(repository: Path) -> None:
    (repository / "environments.yaml").write_text(
        "environments:\n  - &dev {name: dev, overlay: overlays/dev}\n  - *dev\n"
    )

    with pytest.raises(UsageError, match="environments has 'dev' twice"):
        config.load(repository)


def test_a_place_is_right_behind_comments_and_a_document_start(repository: Path) -> None:
    (repository / "environments.yaml").write_text(
        "# one\n\n---\n# two\nenvironments:\n  - name: dev\n    overlay: overlays/dev\n"
        "    mesh:\n      outside: [{host: db, reason: managed}]\n"
    )

    shutil.rmtree(repository / "waivers")

    (dev,) = config.load(repository).environments

    assert dev.mesh.outside[0].source == Position("environments.yaml", 9, 17)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{never: [dev], only: [shop], to: [shop]}", "one of `never`, `only` and `always`"),
        ("{to: [shop]}", "one of `never`, `only` and `always`"),
        ("{never: [dev/web/x], to: [shop]}", "never"),
        ("{never: [], to: [shop]}", "never"),
        ("{always: open, to: [shop]}", "encrypted"),
        ("{never: [dev], to: []}", "to"),
    ],
)
def test_an_invariant_is_one_assertion(tmp_path: Path, entry: str, message: str) -> None:
    file = tmp_path / "expectations.yaml"
    file.write_text(f"invariants:\n  - {entry}\n", encoding="utf-8")

    none = tmp_path / "none.yaml"
    with pytest.raises(UsageError) as error:
        config.load_environment(none, waivers=none, expected=file)
    assert message in str(error.value)
    assert "expectations.yaml:2" in str(error.value)
