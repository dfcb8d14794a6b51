"""`meshgate init` writes a policy repository that validates at once, and overwrites nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from meshgate import config
from meshgate.cli import COMMANDS, main
from meshgate.cli.init import init
from meshgate.origin import InstallOrigin, origin
from places import REPOSITORY
from promoted import commit, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "mesh-policies")]) == 0
    return tmp_path / "mesh-policies"


def test_it_validates_at_once(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()

    code = main(["-C", str(repository), "--format", "json", "validate", "--fail-on", "warning"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["findings"]) == (0, [])


def test_it_shows_every_part_of_a_repository(repository: Path) -> None:
    environments = config.load(repository).environments

    assert [environment.name for environment in environments] == ["dev", "prod"]
    assert all(environment.expectations for environment in environments)
    assert {path.name for path in repository.iterdir()} == {
        *("policies", "overlays", "inventory", "waivers", "expectations", "promotion"),
        *("environments.yaml", "README.md", ".github", ".schemas", "sync", ".sourceignore"),
    }


def test_editors_find_the_schema_of_each_file(repository: Path) -> None:
    said = {
        path: re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        for name in ("environments.yaml", "waivers/*.yaml", "expectations/*.yaml")
        for path in repository.glob(name)
    }

    assert len(said) == 4
    for path, line in said.items():
        assert line
        schema = json.loads((path.parent / line[1]).read_text())
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)


def test_its_releases_are_rendered_as_ours(repository: Path) -> None:
    toolchain = "promotion/toolchain.yaml"
    assert (repository / toolchain).read_bytes() == (REPOSITORY / toolchain).read_bytes()


def test_its_workflow_pins_what_it_runs(repository: Path) -> None:
    workflow = (repository / ".github/workflows/validate.yml").read_text()

    actions = re.findall(r"uses: (\S+)", workflow)
    assert actions
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    value = yaml.safe_load(workflow)["env"]["MESHGATE"]
    assert value == origin().requirement
    assert "@" not in re.sub(r"@[0-9a-f]{40}\b", "", workflow.replace(value, ""))


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (InstallOrigin("meshgate @ git+https://git.example/m.git@0123", "commit 0123"), None),
        (InstallOrigin("", "a folder on this machine"), "${MESHGATE:?"),
        (InstallOrigin("meshgate @ https://x.example/a'b\"c.whl#sha256=0", "an odd address"), None),
    ],
)
def test_what_it_installs_is_what_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: InstallOrigin, value: str | None
) -> None:
    monkeypatch.setattr("meshgate.cli.init.origin", lambda: words)

    init(tmp_path / "policies")

    workflow = (tmp_path / "policies/.github/workflows/validate.yml").read_text()
    assert yaml.safe_load(workflow)["env"]["MESHGATE"] == words.requirement
    assert words.words in workflow
    assert value is None or value in workflow
    assert (words.requirement or words.words) in (tmp_path / "policies/README.md").read_text()


def test_a_clone_of_an_empty_repository_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert main(["-C", str(tmp_path), "init", "."]) == 0
    assert (tmp_path / "environments.yaml").is_file()


def test_what_is_there_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").touch()

    assert main(["init", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policies").touch()

    assert main(["init", str(tmp_path / "policies")]) == 2
    assert "cannot write to" in capsys.readouterr().err


WORKFLOWS = ("audit", "promote", "promotion-check", "promotion-gate", "record", "validate")


def test_its_jobs_are_those_of_this_repository_and_call_meshgate(repository: Path) -> None:
    folder = repository / ".github" / "workflows"
    assert sorted(file.stem for file in folder.iterdir()) == sorted(WORKFLOWS)

    for name in WORKFLOWS:
        workflow = yaml.safe_load((folder / f"{name}.yml").read_text())
        ours = yaml.safe_load((REPOSITORY / ".github" / "workflows" / f"{name}.yml").read_text())
        assert workflow["env"]["MESHGATE"] == origin().requirement
        assert (workflow["permissions"], ours["permissions"]) == ({}, {})
        for (job, value), other in zip(
            workflow["jobs"].items(), ours["jobs"].values(), strict=False
        ):
            assert value["permissions"] == other["permissions"], (name, job)
            for step in value["steps"]:
                assert "nox" not in str(step)
                for command in re.findall(r"\bmeshgate ([a-z]+)", str(step.get("run"))):
                    assert command in COMMANDS


def test_its_sync_objects_are_fresh_and_its_reader_is_ours(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for agent in ("argocd", "flux"):
        assert main(["-C", str(repository), "sync", agent, "--check"]) == 0
    reader = "sync/rbac/reader.yaml"
    assert (repository / reader).read_bytes() == (REPOSITORY / reader).read_bytes()
    assert capsys.readouterr().out == ""


def test_it_promotes_from_the_start(repository: Path) -> None:
    file = repository / "environments.yaml"
    before, prod, after = file.read_text().partition("  - name: prod\n")
    pinned = "mode: pinned\n    gates: []\n    gatesWaived: a test"
    file.write_text(before + prod + after.replace("mode: floating", pinned))
    for arguments in (("init", "--quiet", "-b", "main"), ("add", "--all")):
        git(repository, *arguments)
    for agent in ("argocd", "flux"):
        assert main(["-C", str(repository), "sync", agent]) == 0
    commit(repository, {}, "start")

    assert main(["-C", str(repository), "adopt", "prod", "--direct"]) == 0
    policy = repository / "policies" / "shop" / "destinationrule-cart.yaml"
    text = policy.read_text().replace("metadata:\n", "metadata:\n  labels: {team: shop}\n", 1)
    commit(repository, {"policies/shop/destinationrule-cart.yaml": text}, "label", day=1)
    git(repository, "switch", "-qc", "elsewhere")
    assert main(["-C", str(repository), "promote", "prod"]) == 0
    (branch,) = git(
        repository, "branch", "--list", "promote/*", "--format=%(refname:short)"
    ).split()
    check = ["-C", str(repository), "check", "--base", "main", "--head", branch]
    assert main(check) == 0
