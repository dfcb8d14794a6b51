"""`defaults` of environments.yaml: said once, merged, and judged where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from full_configuration import (
    write_configuration,
)
from meshgate import config
from meshgate.errors import UsageError
from meshgate.model import (
    Position,
    RequiredApprovals,
    ReviewTeams,
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write_configuration(tmp_path)


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
            "  mode: pinned\n",
            "  substitute: values.env\n",
            "environments.yaml:2:3: the file of variables 'values.env' is no file",
            "add the file",
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
            "take out of `defaults`",
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


def test_what_only_the_merged_value_has_wrong_is_told_as_merged(shared: Path) -> None:
    text = DEFAULTS.replace("  mode: pinned\n", "  mode: pinned\n  after: {all: [dev]}\n", 1)
    text = text.replace("    mesh: {revision: canary}\n", "    after: {any: [dev]}\n")
    (shared / "environments.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.merged(shared)

    assert "has 2 keys, at most 1 are allowed" in caught.value.what
    assert "`defaults`" in caught.value.why


def test_each_problem_stands_on_a_line_of_its_own(shared: Path) -> None:
    text = DEFAULTS.replace("  mode: pinned\n", "  mdoe: pinned\n", 1)
    text = text.replace("mesh: {revision: canary}", 'mesh: {revision: canary, istio: "x\\ny"}')
    (shared / "environments.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        config.merged(shared)

    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == [
        "environments.yaml:2:3:",
        "environments.yaml:15:30:",
    ]


def test_a_shared_gate_that_no_environment_has_yet_is_known(shared: Path) -> None:
    text = DEFAULTS.replace("  mode: pinned\n", "").replace("gates: [quiet]", "gates: [quite]")
    (shared / "environments.yaml").write_text(text)

    with pytest.raises(UsageError, match=r"environments\.yaml:2:11: there is no gate 'quite'"):
        config.load(shared)
