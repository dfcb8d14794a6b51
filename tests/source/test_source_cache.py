"""Kept results change nothing but the time: not when shared, cut short, forged or unwritable."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from examples import examples
from meshgate import source
from meshgate.errors import BuildError
from meshgate.source import program
from meshgate.source.cache import Cache, digest

pytestmark = pytest.mark.sampled(every=2)

PA = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


def repository(root: Path) -> Path:
    for name, text in {
        "base/kustomization.yaml": "resources: [pa.yaml]\n",
        "base/pa.yaml": PA,
        "overlay/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
        "overlay/p.yaml": PA.replace("STRICT", "PERMISSIVE"),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "render").rglob("*") if path.is_file())


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that gets a line for each build: a `kustomize` on PATH counts, the real one builds."""
    real = program.renderer_argv()
    log = tmp_path / "calls"
    log.touch()
    folder = tmp_path / "programs"
    folder.mkdir()
    script = folder / "kustomize"
    script.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\n"
        "if 'version' in sys.argv:\n    sys.exit(print('v5.8.1'))\n"
        f"open({str(log)!r}, 'a').write('build\\n')\n"
        f"sys.exit(subprocess.call([*{real!r}, sys.argv[-1]]))\n",
        encoding="utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    program._renderer.cache_clear()  # noqa: SLF001
    yield log
    program._renderer.cache_clear()  # noqa: SLF001


def builds(log: Path) -> int:
    return len(log.read_text(encoding="utf-8").splitlines())


def shape(build: source.Build) -> list[object]:
    return [
        [
            resource.value,
            resource.origin and tuple(resource.origin),
            [(step.kind, step.origin, step.after) for step in build.record.chains[resource.ref]],
        ]
        for resource in build.resources
    ]


def test_the_second_run_builds_nothing_and_says_the_same(tmp_path: Path, calls: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"

    first = source.render(root, "overlay", cache=cache)
    second = source.render(root, "overlay", cache=cache)

    assert builds(calls) == 1
    assert shape(first) == shape(second) == shape(source.render(root, "overlay", cache=None))
    assert builds(calls) == 2


@pytest.mark.parametrize(
    ("name", "text", "mode"),
    [
        ("base/pa.yaml", PA.replace("shop}", "shop, labels: {a: b}}"), "PERMISSIVE"),
        ("base/kustomization.yaml", "resources: [pa.yaml]\nnameSuffix: -x\n", "PERMISSIVE"),
        ("overlay/p.yaml", PA.replace("STRICT", "DISABLE"), "DISABLE"),
        ("overlay/kustomization.yaml", "resources: [../base]\n", "STRICT"),
    ],
)
def test_every_input_counts(tmp_path: Path, calls: Path, name: str, text: str, mode: str) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    before = source.render(root, "overlay", cache=cache).resources[0]
    (root / name).write_text(text, encoding="utf-8")

    after = source.render(root, "overlay", cache=cache).resources[0]

    assert builds(calls) == 2
    assert after.value != before.value
    assert after.spec["mtls"]["mode"] == mode


def test_other_files_do_not_count(tmp_path: Path, calls: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    source.render(root, "overlay", cache=cache)
    (root / "base/README.md").write_text("text", encoding="utf-8")

    source.render(root, "overlay", cache=cache)

    assert builds(calls) == 1


def test_a_folder_that_moved_is_the_same_repository(tmp_path: Path, calls: Path) -> None:
    cache = tmp_path / "cache"
    one = source.render(repository(tmp_path / "one"), "overlay", cache=cache)
    two = source.render(repository(tmp_path / "deep/two"), "overlay", cache=cache)

    assert builds(calls) == 1
    assert shape(one) == shape(two)


def test_another_version_of_the_program_builds_anew(tmp_path: Path, calls: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    source.render(root, "overlay", cache=cache)
    script = tmp_path / "programs/kustomize"
    script.write_text(script.read_text("utf-8").replace("v5.8.1", "v5.8.22"), encoding="utf-8")
    program._renderer.cache_clear()  # noqa: SLF001

    source.render(root, "overlay", cache=cache)

    assert builds(calls) == 2


def test_the_program_is_asked_for_its_version_once(tmp_path: Path) -> None:
    for _ in range(2):
        program._renderer.cache_clear()  # noqa: SLF001
        assert program.renderer(cache=tmp_path).version.startswith("5.8.")

    assert len([path for path in (tmp_path / "versions").rglob("*") if path.is_file()]) >= 1
    program._renderer.cache_clear()  # noqa: SLF001


def test_what_failed_is_not_kept(tmp_path: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    (root / "overlay/p.yaml").write_text(PA.replace("default", "other"), encoding="utf-8")
    with pytest.raises(BuildError):
        source.render(root, "overlay", cache=cache)

    assert entries(cache) == []


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_as_good_as_no_entry(tmp_path: Path, data: st.DataObject) -> None:
    cache = Cache(tmp_path, "render")
    key = digest("a", "b")
    value = [[{"kind": "A", "q": "\u00e9\U0001f600"}, "base/a.yaml"]]
    cache.put(key, value)
    (file,) = entries(tmp_path)
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "drop", "add"]))
    if change == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    elif change == "cut":
        del content[at:]
    elif change == "drop":
        del content[at]
    else:
        content.insert(at, data.draw(st.integers(0, 255)))
    file.write_bytes(content)

    assert cache.get(key) is None
    cache.put(key, value)
    assert cache.get(key) == value


def test_a_corrupt_entry_is_built_again(tmp_path: Path, calls: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    first = source.render(root, "overlay", cache=cache)
    (entry,) = entries(cache)
    entry.write_bytes(entry.read_bytes().replace(b"PERMISSIVE", b"STRICT"))

    assert shape(source.render(root, "overlay", cache=cache)) == shape(first)
    assert builds(calls) == 2


def test_an_entry_under_another_s_name_is_no_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "render")
    cache.put(digest("a"), "a")
    cache.put(digest("b"), "b")
    one, two = entries(tmp_path)
    one.write_bytes(two.read_bytes())

    assert sorted(map(str, (cache.get(digest("a")), cache.get(digest("b"))))) in (
        ["None", "a"],
        ["None", "b"],
    )


def test_a_file_in_the_folder_s_place_is_told_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    cache.write_text("a file", encoding="utf-8")

    with caplog.at_level(logging.WARNING):
        assert source.render(root, "overlay", cache=cache).resources

    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(caplog.records)
    assert "cannot be written" in caplog.text
    assert cache.read_text(encoding="utf-8") == "a file"


def test_an_unreadable_entry_is_no_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "render")
    cache.put(digest("a"), "a")
    (entry,) = entries(tmp_path)
    entry.unlink()
    entry.mkdir()

    assert cache.get(digest("a")) is None


def test_many_runs_share_a_folder(tmp_path: Path) -> None:
    value = ["x" * 100_000]
    key = digest("shared")

    def use(_: int) -> bool:
        cache = Cache(tmp_path, "render")
        cache.put(key, value)
        return cache.get(key) in (None, value)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    assert len(entries(tmp_path)) == 1


def test_runs_of_two_processes_share_a_folder(tmp_path: Path) -> None:
    root, cache = repository(tmp_path / "root"), tmp_path / "cache"
    code = (
        "from pathlib import Path; from meshgate import source\n"
        f"build = source.render(Path({str(root)!r}), 'overlay', cache=Path({str(cache)!r}))\n"
        "print(build.resources[0].spec['mtls']['mode'])"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    assert [run.communicate(timeout=60)[0] for run in runs] == ["PERMISSIVE\n"] * 3
    assert len(entries(cache)) == 1


def test_no_folder_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = Cache(None, "render")
    cache.put("key", "value")

    assert cache.get("key") is None
    assert list(tmp_path.iterdir()) == []


def age(path: Path, days: float) -> None:
    """Let a file be as old as if it was written so many days ago."""
    then = time.time() - days * 24 * 60 * 60
    os.utime(path, (then, then))


def test_what_nobody_has_read_for_weeks_is_removed_once_a_day(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "render")
    for key in ("unread", "read", "young"):
        cache.put(digest(key), key)
    for each in entries(tmp_path):
        age(each, 29 if b"young" in each.read_bytes() else 31)
    assert cache.get(digest("read")) == "read"

    cache.put(digest("another"), "another")  # the same day
    assert len(entries(tmp_path)) == 4

    age(tmp_path / ".render-last-cleaned", 1.1)
    cache.put(digest("one more"), "one more")
    left = {key for key in ("unread", "read", "young", "another") if cache.get(digest(key))}
    assert left == {"read", "young", "another"}


def test_an_entry_that_cannot_be_removed_spares_no_other(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "render", days_unread=7)
    for key in ("a", "b"):
        cache.put(digest(key), key)
    first, second = entries(tmp_path)
    first.unlink()
    first.mkdir()
    for path in (first, second, tmp_path / ".render-last-cleaned"):
        age(path, 8)

    cache.put(digest("c"), "c")
    assert (first.is_dir(), second.exists(), len(entries(tmp_path))) == (True, False, 1)


def test_a_key_tells_where_a_part_ends() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("a", b"b") == digest(b"a", "b")


def test_what_a_plugin_of_kustomize_reads_is_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "pa.yaml").write_text(PA, encoding="utf-8")
    (tmp_path / "overlay" / "kustomization.yaml").write_text(
        "resources: [pa.yaml]\ntransformers: [plugin.yaml]\n", encoding="utf-8"
    )
    (tmp_path / "overlay" / "plugin.yaml").write_text(
        "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\n"
        "path: patch.json\ntarget: {kind: PeerAuthentication}\n",
        encoding="utf-8",
    )
    modes = []
    for mode in ("STRICT", "DISABLE"):
        (tmp_path / "overlay" / "patch.json").write_text(
            f'[{{"op": "replace", "path": "/spec/mtls/mode", "value": "{mode}"}}]', encoding="utf-8"
        )
        built = source.render(tmp_path, "overlay", cache=tmp_path / "cache")
        modes.append(built.resources[0].spec["mtls"]["mode"])
    assert modes == ["STRICT", "DISABLE"]
    assert "overlay/patch.json" in source.inputs(tmp_path, "overlay")
