"""Kept verdicts and processes change nothing but the time a run takes."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from broken_repositories import broken, changed_files, situations
from examples import examples
from fleet_repository import write_fleet
from meshgate import config
from meshgate.cli import main, request
from meshgate.model import Environment
from meshgate.pipeline import Settings, pool, verdict_key, verdicts
from meshgate.pipeline.verdict import EnvironmentVerdict, from_json, to_json
from meshgate.pipeline.verdicts import Task, VerdictQuestion
from policy_repository import copy_policies

pytestmark = pytest.mark.sampled(every=2)

DAY = datetime.date(2026, 8, 1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    use_cache(tmp_path / "cache", monkeypatch)
    return tmp_path / "cache" / "meshgate"


def use_cache(folder: Path, patch: pytest.MonkeyPatch) -> None:
    # Programs are kept there, too; and renders, which other tests are about.
    common = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshgate"
    (folder / "meshgate").mkdir(parents=True, exist_ok=True)
    for name in ("tools", "render"):
        (common / name).mkdir(parents=True, exist_ok=True)
        (folder / "meshgate" / name).symlink_to(common / name)
    patch.setenv("XDG_CACHE_HOME", str(folder))


def validate(root: Path, *arguments: str) -> tuple[int, str, str]:
    """The exit code, standard output as JSON and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["validate", "-C", str(root), "--format", "json", *arguments])
    return code, out.getvalue(), err.getvalue()


def entries(cache: Path) -> list[Path]:
    return sorted(file for file in (cache / "verdicts").rglob("*") if file.is_file())


# One change of each input of a verdict, by its name in the table.
CHANGES: dict[str, Callable[[Path, pytest.MonkeyPatch], Settings | None]] = {}


def change(name: str) -> Callable[[Callable[[Path, pytest.MonkeyPatch], Settings | None]], None]:
    def put(function: Callable[[Path, pytest.MonkeyPatch], Settings | None]) -> None:
        CHANGES[name] = function

    return put


@change("tool")
def _tool(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdict_key, "fingerprint", lambda: "another meshgate")


@change("schemas")
def _schemas(_: Path, __: pytest.MonkeyPatch) -> Settings:
    return Settings(DAY, "kubeconform")


@change("settings")
def _settings(_: Path, __: pytest.MonkeyPatch) -> Settings:
    return Settings(DAY, "jsonschema", complete=False)


@change("day")
def _day(_: Path, __: pytest.MonkeyPatch) -> Settings:
    return Settings(DAY + datetime.timedelta(days=1), "jsonschema")


@change("environment")
def _environment(root: Path, _: pytest.MonkeyPatch) -> None:
    file = root / "waivers/env-1.yaml"
    file.write_text(file.read_text("utf-8").replace("moving", "moving on"), encoding="utf-8")


@change("sources")
def _sources(root: Path, _: pytest.MonkeyPatch) -> None:
    file = root / "policies/mesh-wide/policies.yaml"
    file.write_text(file.read_text("utf-8") + "# more\n", encoding="utf-8")


@change("inventory")
def _inventory(root: Path, _: pytest.MonkeyPatch) -> None:
    (root / "inventory/env-1/more.yaml").write_text("", encoding="utf-8")


def own_key(root: Path, name: str, how: Settings) -> str | None:
    by_name = {each.name: each for each in config.load(root).environments}
    return verdict_key.own_key(by_name[name], verdict_key.KeyPlace(root, None, how))


@pytest.mark.parametrize("name", verdict_key.INPUTS)
def test_a_change_of_any_input_changes_the_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, how = write_fleet(tmp_path / "root", 3), Settings(DAY, "jsonschema")
    before = own_key(root, "env-1", how)
    assert before is not None
    assert own_key(root, "env-1", how) == before
    after = CHANGES[name](root, monkeypatch)
    assert own_key(root, "env-1", after or how) not in {before, None}


def test_each_field_of_an_environment_is_in_its_key(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "root", 3)
    place = verdict_key.KeyPlace(root, None, Settings(DAY))
    plain = config.load(root).environments[0]
    bare = Environment(name=plain.name, overlay=plain.overlay)
    others = config.load(copy_policies(tmp_path / "policies")).environments
    changed = set()
    for other in others:
        for field in plain.__struct_fields__:
            value = getattr(other, field)
            if value != getattr(bare, field) and field not in {"overlay", "name"}:
                one = structs.replace(bare, **{field: value})
                assert verdict_key.own_key(one, place) != verdict_key.own_key(bare, place), field
                changed.add(field)
    assert {"waivers", "expectations", "mesh", "require", "order"} <= changed


@pytest.mark.parametrize("name", ["kustomization.yml", "unnamed.yaml", "link.yaml"])
def test_a_name_that_appears_changes_the_key(name: str, tmp_path: Path) -> None:
    root, how = write_fleet(tmp_path / "root", 3), Settings(DAY)
    before = own_key(root, "env-1", how)
    file = root / "policies/mesh-wide" / name
    if name == "link.yaml":
        (root / "policies/mesh-wide/policies.yaml").rename(root / "policies/mesh-wide/other.yaml")
        (root / "policies/mesh-wide/policies.yaml").symlink_to("other.yaml")
    else:
        file.write_text("kind: Service\napiVersion: v1\nmetadata: {name: a}\n", encoding="utf-8")
    assert own_key(root, "env-1", how) != before


def test_what_an_environment_is_compared_with_is_in_the_key() -> None:
    keys = {
        verdict_key.verdict_key("own", upstream, siblings, asked)
        for upstream in ([], [("a", "1")], [("a", "2")], [("b", "1")])
        for siblings in ([], [("a", "1")], [("c", "3")])
        for asked in ([], ["findings"])
    }
    assert len(keys) == 4 * 3 * 2
    assert verdict_key.verdict_key("own", [("a", None)], [], []) is None
    assert verdict_key.verdict_key(None, [], [], []) is None


def test_kept_verdicts_are_used_and_say_the_same(tmp_path: Path, cache: Path) -> None:
    root = write_fleet(tmp_path / "root", 12)
    first = validate(root, "--jobs", "1")
    kept = entries(cache)
    # What does not build, and what is compared with it, is judged anew.
    assert 6 <= len(kept) < 12
    with pytest.MonkeyPatch.context() as patch:
        judged: list[str] = []
        real = verdicts.judged_task

        def noted(task: Task) -> list[EnvironmentVerdict]:
            judged.extend(task.wanted)
            return real(task)

        patch.setattr(verdicts, "judged_task", noted)
        assert validate(root, "--jobs", "1") == first
    assert len(judged) == 12 - len(kept)
    assert validate(root, "--no-cache") == first


SITUATIONS = situations()
# What a run that keeps nothing says of a repository, by the situation that it is in.
UNCACHED: dict[Path | None, tuple[int, str, str]] = {}


def uncached(root: Path, situation: Path | None = None) -> tuple[int, str, str]:
    """What is said without a cache, asked once: `root` is a folder of another name each time."""
    if situation not in UNCACHED:
        code, *texts = validate(root, "--no-cache")
        out, err = (text.replace(str(root), "ROOT") for text in texts)
        UNCACHED[situation] = code, out, err
    code, *texts = UNCACHED[situation]
    out, err = (text.replace("ROOT", str(root)) for text in texts)
    return code, out, err


@given(st.lists(st.sampled_from(SITUATIONS), min_size=1, max_size=3, unique=True))
@examples(12)
def test_a_kept_verdict_never_hides_what_is_wrong_now(broken_by: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        use_cache(Path(folder, "cache"), patch)
        root = copy_policies(Path(folder, "root"))
        assert validate(root) == uncached(root)
        for situation in broken_by:
            shutil.rmtree(root)
            broken(situation, root)
            assert validate(root) == uncached(root, situation), situation.name
        shutil.rmtree(root)
        copy_policies(root)
        assert validate(root) == uncached(root)


def test_situations_change_something() -> None:
    assert all(changed_files(each) or (each / "remove.txt").exists() for each in SITUATIONS)


def test_entries_that_are_cut_short_or_exchanged_are_not_believed(
    tmp_path: Path, cache: Path
) -> None:
    root = write_fleet(tmp_path / "root", 6)
    first = validate(root, "--jobs", "1")
    kept = entries(cache)
    contents = [file.read_bytes() for file in kept]
    for file, content in zip(kept, [*contents[1:], contents[0]], strict=True):
        file.write_bytes(content)
    assert validate(root, "--jobs", "1") == first
    assert [file.read_bytes()[64:] for file in kept] != [
        c[64:] for c in (*contents[1:], contents[0])
    ]
    for file in kept:
        file.write_bytes(file.read_bytes()[:-2] + b"]}")
    assert validate(root, "--jobs", "1") == first


def test_a_cache_inside_what_is_judged_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_fleet(tmp_path / "root", 6)
    use_cache(root / ".cache", monkeypatch)
    first = validate(root)
    assert not (root / ".cache/meshgate/verdicts").exists()
    assert validate(root) == first


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "FEW", 2)
    monkeypatch.setattr(verdicts, "MOST_OF_A_TASK", 3)


@contextlib.contextmanager
def ends_within(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in what takes longer."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it has not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


FORMATS = ("text", "json", "sarif", "junit", "markdown", "gitlab")


def written(root: Path, folder: Path, *arguments: str) -> tuple[int, str, dict[str, str]]:
    """The exit code, standard error, and the report in each format."""
    folder.mkdir()
    formats = [part for how in FORMATS for part in ("--format", f"{how}={folder / how}")]
    code, _, err = validate(root, *formats, *arguments)
    return code, err, {how: (folder / how).read_text("utf-8") for how in FORMATS}


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.whole
def test_processes_say_what_one_says(tmp_path: Path, cache: Path) -> None:
    root = write_fleet(tmp_path / "root", 14)
    one = written(root, tmp_path / "one", "--jobs", "1", "--no-cache")
    assert one[0] == 3
    assert written(root, tmp_path / "two", "--jobs", "2") == one
    assert entries(cache)


@pytest.mark.usefixtures("small_tasks")
def test_processes_that_end_at_their_limit_leave_no_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_TASKS", 2)
    root = write_fleet(tmp_path / "root", 10)
    first = validate(root, "--jobs", "1", "--no-cache")
    with ends_within(600):
        assert validate(root, "--jobs", "2", "--no-cache") == first


def test_few_environments_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.setattr(pool, "processes", started.append)
    validate(write_fleet(tmp_path / "root", 4), "--jobs", "8", "--no-cache")
    assert not started


@pytest.mark.usefixtures("small_tasks")
def test_a_process_that_is_killed_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_fleet(tmp_path / "root", 9)
    real = pool.judged_by

    def killed(executor: object, tasks: Sequence[Task]) -> Iterator[list[EnvironmentVerdict]]:
        answers = real(executor, tasks)  # type: ignore[arg-type]
        yield next(answers)
        for process in list(executor._processes.values()):  # type: ignore[attr-defined]  # noqa: SLF001
            os.kill(process.pid, signal.SIGKILL)
        yield from answers

    monkeypatch.setattr(pool, "judged_by", killed)
    code, out, err = validate(root, "--jobs", "2", "--no-cache")
    assert (code, out) == (4, "")
    assert "a process that judged environments was ended" in err


def test_a_verdict_comes_back_as_it_was(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "root", 12)
    every = config.load(root).environments
    found = verdicts.verdicts(VerdictQuestion(root, every, every, Settings(DAY), undecided=True))
    assert any(each.waiver for verdict in found.values() for each in verdict.findings)
    assert any(verdict.refused for verdict in found.values())
    for verdict in found.values():
        again = from_json(json.loads(json.dumps(to_json(verdict))))
        assert again == verdict
        assert [type(each.waiver) for each in again.findings] == [
            type(each.waiver) for each in verdict.findings
        ]
