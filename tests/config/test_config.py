"""The repository's own files are read exactly, or refused with the place and the way out."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from full_configuration import (
    WAIVERS,
    swap,
    write_configuration,
)
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
    Severity,
    Waiver,
)
from meshgate.model.environment import SoakTimes
from places import REPOSITORY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write_configuration(tmp_path)


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


def test_no_repository_here(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no environments\.yaml") as caught:
        config.load(tmp_path)

    assert "meshgate init" in caught.value.hint


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
    "schema", sorted((REPOSITORY / "schemas/meshgate").glob("*.json")), ids=lambda path: path.name
)
@pytest.mark.sampled(every=2)
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


def test_a_long_line_of_environments_may_be_listed_from_its_end(tmp_path: Path) -> None:
    (tmp_path / "overlays").mkdir()
    entries = [
        {"name": f"e{n}", "overlay": "overlays", "mode": "pinned", "after": [f"e{n - 1}"]}
        for n in range(1500, 0, -1)
    ]
    entries.append({"name": "e0", "overlay": "overlays"})
    (tmp_path / "environments.yaml").write_text(json.dumps({"environments": entries}))

    assert len(config.load(tmp_path).environments) == 1501
