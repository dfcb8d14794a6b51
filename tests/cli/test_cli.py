"""The command line as a person meets it: exit codes, errors with the way out, outputs."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

from linted_manifest import (
    PERMISSIVE,
    Capture,
    lint,
)
from meshgate.cli import COMMANDS, main, parser_for
from meshgate.cli import init as init_command
from meshgate.cli.progress import OfCluster, Progress
from meshgate.errors import MeshgateError
from meshgate.rules import RULES
from places import REPOSITORY


@pytest.fixture
def policy_repository(tmp_path: Path) -> Path:
    """A new policy repository, which is clean."""
    init_command.init(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A file with one finding."""
    file = tmp_path / "permissive.yaml"
    file.write_text(PERMISSIVE, encoding="utf-8")
    return file


def test_every_command_has_a_help_that_shows_how_it_is_used(capsys: Capture) -> None:
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        told = capsys.readouterr().out

        assert f"usage: meshgate {command}" in told
        assert f"  meshgate {command}" in told.split("example", 1)[1]


def test_commands_are_held_apart() -> None:
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    (apart,) = [each["modules"] for each in contracts if each["type"] == "independence"]

    assert sorted(apart) == sorted(
        f"meshgate.cli.{command.replace('-', '_')}" for command in COMMANDS
    )


def test_environments_are_shown_with_their_defaults(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "environments.yaml").write_text(
        "defaults: {mesh: {istio: '1.31', outside: [{host: a.b, reason: c}]}}\n"
        "environments:\n"
        "  - {name: dev, overlay: dev}\n"
        "  - {name: prod, overlay: prod, mesh: {outside: []}}\n",
        encoding="utf-8",
    )

    assert main(["-C", str(tmp_path), "environments", "prod"]) == 0
    told = capsys.readouterr().out
    assert main(["-C", str(tmp_path), "environments", "--format", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)["environments"]
    assert main(["-C", str(tmp_path), "environments", "prd"]) == 2

    assert yaml.safe_load(told) == [
        {"name": "prod", "overlay": "prod", "mesh": {"istio": "1.31", "outside": []}}
    ]
    assert [each["mesh"]["istio"] for each in entries] == ["1.31", "1.31"]
    assert "did you mean `prod`" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["posture", "calls", "lint"])
def test_a_mistyped_path_or_environment_is_told_what_was_meant(
    command: str, policy_repository: Path, capsys: Capture
) -> None:
    assert main(["-C", str(policy_repository), command, "overlay"]) == 2
    assert "did you mean `overlays`?" in capsys.readouterr().err


def test_help_names_every_command_and_exit_code() -> None:
    told = parser_for([]).format_help()

    assert all(f"    {command}" in told for command in COMMANDS)
    assert all(f" {code} " in told for code in (0, 1, 2, 3, 4, 5, 6, 7, 70))


def test_errors_have_the_exit_codes_that_are_documented() -> None:
    codes = {error.__name__: error.exit_code for error in MeshgateError.__subclasses__()}

    assert (
        codes.items()
        >= {
            "UsageError": 2,
            "BuildError": 3,
            "ToolError": 4,
            "NothingToCheckError": 5,
            "SchemaMissingError": 6,
            "RepositoryError": 7,
            "RuleError": 70,
        }.items()
    )


def test_no_command_shows_the_help_and_is_no_pass(capsys: Capture) -> None:
    assert main([]) == 2
    assert "prove that what clusters sync" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["posture", "prod"], ["validate"], ["status"]])
def test_the_repository_around_the_current_folder_is_judged(
    arguments: list[str],
    policy_repository: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = main(["-C", str(policy_repository), *arguments])
    shown = capsys.readouterr().out
    # A folder that has the name of an environment is no file that was named.
    monkeypatch.chdir(policy_repository / "overlays")

    assert (main(arguments), capsys.readouterr().out) == (ends, shown)


def test_a_file_is_named_from_the_current_folder(
    policy_repository: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = policy_repository / "inventory" / "prod"
    (folder / "manifest.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: lone, namespace: shop}, "
        "spec: {containers: [{name: a, image: b, ports: [{containerPort: 80}]}]}}",
        encoding="utf-8",
    )
    monkeypatch.chdir(folder)

    assert main(["posture", "manifest.yaml"]) == 0
    assert "lone" in capsys.readouterr().out


def test_the_search_for_a_repository_ends_at_the_top_of_a_checkout(
    policy_repository: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (policy_repository / "other" / ".git").mkdir(parents=True)
    monkeypatch.chdir(policy_repository / "other")

    assert main(["validate"]) == 2
    assert "has no environments.yaml" in capsys.readouterr().err


def test_schemas_are_listed_and_printed(capsys: Capture) -> None:
    assert main(["schema"]) == 0
    assert "environments  environments.yaml" in capsys.readouterr().out
    assert main(["schema", "waivers"]) == 0
    assert json.loads(capsys.readouterr().out)["$id"].endswith("/waivers.schema.json")
    assert main(["schema", "wavers"]) == 2
    assert "did you mean `waivers`?" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to complete in")
def test_bash_completes_commands_and_their_options(tmp_path: Path, capsys: Capture) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "meshgate.bash"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    asked = (
        f"source {script}; COMP_WORDS=(meshgate validate --ch); COMP_CWORD=2; "
        '_shtab_meshgate meshgate --ch validate; echo "${COMPREPLY[@]}"'
    )

    completed = subprocess.run(
        ["bash", "-c", asked], check=True, capture_output=True, text=True, timeout=20
    )

    assert completed.stdout.split() == ["--changed-since"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["validate", "-C", "/no/such/folder"], "there is no such folder"),
        (["validate", "prdo"], "did you mean `prod`?"),
        (["lint", "x", "--today", "tomorrow"], "YYYY-MM-DD"),
        (["lint", "x", "--format", "yaml"], "use one of text"),
        (["lint", "no-such-file.yaml"], "no such file or folder"),
        (["rules", "PA0001"], "did you mean `PA001`?"),
        (["rules", "PA01"], "did you mean `PA001`?"),
        (["rules", "PA01", "--format", "json"], "did you mean `PA001`?"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(
    policy_repository: Path, capsys: Capture, arguments: list[str], told: str
) -> None:
    assert main(["-C", str(policy_repository), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_new_repository_is_clean(policy_repository: Path, capsys: Capture) -> None:
    assert main(["validate", "-C", str(policy_repository)]) == 0
    assert "Clean." in capsys.readouterr().out


def test_init_leaves_a_folder_that_holds_something(manifest: Path, capsys: Capture) -> None:
    assert main(["init", str(manifest.parent)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert list(manifest.parent.iterdir()) == [manifest]


def test_paths_are_relative_to_the_judged_folder(
    policy_repository: Path,
    manifest: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(manifest.parent.parent)
    parent = manifest.parent.name

    assert lint("-C", parent, manifest.name, "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["source"]["file"] == manifest.name
    assert lint("-C", parent, ".") == 1
    assert lint("-C", f"{parent}/{policy_repository.name}", f"../{manifest.name}") == 1
    assert main(["validate", "-C", f"{parent}/{policy_repository.name}"]) == 0


def test_an_environment_that_does_not_build_does_not_stop_the_others(
    policy_repository: Path, capsys: Capture
) -> None:
    kustomization = policy_repository / "overlays" / "dev" / "kustomization.yaml"
    text = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(text + "\nnosuchfield: 1\n", encoding="utf-8")

    assert main(["validate", "-C", str(policy_repository)]) == 3
    told = capsys.readouterr()
    assert "dev was not judged" in told.err
    assert "prod" in told.out


def test_render_prints_what_is_judged(policy_repository: Path, capsys: Capture) -> None:
    assert main(["render", "prod", "-C", str(policy_repository)]) == 0
    told = capsys.readouterr().out
    assert "kind: PeerAuthentication" in told
    assert "config.kubernetes.io/origin" not in told


def test_rules_are_listed_and_explained(capsys: Capture) -> None:
    assert main(["rules"]) == 0
    assert capsys.readouterr().out.count("\n") == len(RULES)

    assert main(["rules", "dr003"]) == 0
    assert "Why it matters" in capsys.readouterr().out

    assert main(["rules", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rules"]) == len(RULES)
    assert main(["rules", "dr003", "--format", "json"]) == 0
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)["rules"]] == ["DR003"]


def test_ctrl_c_ends_at_once_and_says_so() -> None:
    # Nobody closes its input: the run waits in its read until it is interrupted.
    child = subprocess.Popen(
        [sys.executable, "-m", "meshgate", "lint", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    # More than a pipe holds: when it is written, the run has begun to read.
    child.stdin.write(b"#" * 1_000_000)
    child.stdin.flush()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)

    assert child.returncode == 130
    assert b"interrupted" in errors


def test_a_reader_that_goes_away_is_no_crash() -> None:
    shell = f"{sys.executable} -m meshgate rules | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, cwd=REPOSITORY)

    assert done.stderr == b""


class Terminal:
    """A stream that says it is a terminal and keeps what it is told."""

    def __init__(self) -> None:
        self.told = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.told += text
        return len(text)

    def flush(self) -> None:
        pass


def test_progress_shows_after_a_second_and_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.chain([0.0, 0.5], itertools.repeat(2.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    terminal = Terminal()

    with Progress("rendering", 2, terminal) as progress:  # type: ignore[arg-type] # a double
        progress.step()
        assert terminal.told == ""
        progress.step()
        assert "2/2" in terminal.told
        assert "1.0/s" in terminal.told
    assert terminal.told.endswith("\r\x1b[K")


def test_progress_of_a_cluster_shows_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.chain([0.0], itertools.repeat(2.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    progress = OfCluster()
    with progress.track("judging", 9) as step:
        progress.counted(2)
        step()
        assert "1/9 0.5/s by 2 workers" in " ".join(terminal.told.split())
        progress.counted(1)
        step()
        assert "2/9 1.0/s by 1 worker" in " ".join(terminal.told.split())


def test_help_loads_neither_rules_nor_libraries() -> None:
    """It is what shells ask for completion and people for a word: a matter of milliseconds."""
    heavy = "meshgate.rules", "meshgate.mesh", "meshgate.model", "msgspec", "yaml", "rich", "git"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "meshgate", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "meshgate.cli" in loaded
    assert loaded.isdisjoint(heavy)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("valdate", "invalid choice: 'valdate'; did you mean `validate`?"),
        ("validate --fial-on error", "--fial-on; did you mean `--fail-on`?"),
        ("validate --formatt=json", "--formatt=json; did you mean `--format`?"),
        ("validate --fail-on eror", "invalid choice: 'eror'; did you mean `error`?"),
        ("sync argo", "invalid choice: 'argo'; did you mean `argocd`?"),
        ("validate --format jsn", "hint: did you mean `json`?"),
        ("validate prd", "hint: did you mean `prod`?"),
        ("explain boards/app-ui boards --env prd", "hint: did you mean `prod`?"),
        ("explain boards/ap-ui boards --env prod", "hint: did you mean `boards/app-ui`?"),
        ("who-can bords --env prod", "hint: did you mean `boards`?"),
        ("calls prod --to bords", "hint: did you mean `boards`?"),
        ("calls prod --from boards/ap-ui", "hint: did you mean `boards/app-ui`?"),
        ("posture --env prod", "environments are named without it: `meshgate posture ENV`"),
        ("calls --env=prod", "environments are named without it: `meshgate calls ENV`"),
        ("query x --from tables", "--from tables; did you mean `--in`?"),
        ("diff prod --from main", "--from main; did you mean `--base`?"),
        ("query x --ni tables", "unrecognized arguments: --ni"),
        ("validate --zzz", "unrecognized arguments: --zzz; see `meshgate validate --help`"),
        ("explain", "the following arguments are required: FROM, TO[:PORT]\n"),
        ("--formt json validate", "unrecognized arguments: --formt; did you mean `--format`?"),
        ("--zzz validate", "unrecognized arguments: --zzz; see --help"),
    ],
)
def test_a_word_that_is_not_known_is_answered_with_the_one_that_was_meant(
    line: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(REPOSITORY), *line.split()]) == 2
    assert advice in capsys.readouterr().err
