"""A real scheduler and real workers on loopback: what they say is what a local run says."""

from __future__ import annotations

import contextlib
import datetime
import io
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dask_processes import LONG, client_of, running, wait_for
from fleet_repository import write_fleet
from meshgate import frames
from meshgate.cli import main, request
from meshgate.cli.progress import OfCluster
from meshgate.pipeline import dask_cluster, dask_worker
from meshgate.tables.schema import TABLES

# A preload of a worker: it ends as soon as it judges one environment, as where memory ends.
POISON = """\
import os
from meshgate.pipeline import verdicts
verdicts.real = real = getattr(verdicts, "real", verdicts.judge)  # loaded more than once
def judge(environments, files, settings):
    if any(each.name == "env-9" for each in environments):
        os._exit(137)
    return real(environments, files, settings)
verdicts.judge = judge
"""
POISON_OF_TABLES = POISON.replace("pipeline import verdicts", "tables import partition as verdicts")
# Another one: it says that it judges, and takes so long that it can be ended in the middle.
SLOW = """\
import os, pathlib, time
from meshgate.pipeline import verdicts
verdicts.real = real = getattr(verdicts, "real", verdicts.judge)  # loaded more than once
def judge(environments, files, settings):
    pathlib.Path(os.environ["TMPDIR"], "judging").touch()
    time.sleep(0.3)
    return real(environments, files, settings)
verdicts.judge = judge
"""
# Another one: it is another meshgate.
OTHER = """\
from msgspec import structs
from meshgate.pipeline import dask_worker
own = structs.replace(dask_worker.release(), version="0.0.1")  # loaded more than once
dask_worker.release = lambda: own
"""


def validate(root: Path, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["validate", "-C", str(root), "--no-cache", "--format", "json", *arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_fleet(tmp_path_factory.mktemp("fleet") / "root", 14)
    (root / "policies/link.yaml").symlink_to("/etc/hostname")
    return root


def ended_in_the_middle(process: subprocess.Popen[bytes], folder: Path) -> threading.Thread:
    """End a process, with all of its group, as soon as a worker of that folder judges."""

    def end() -> None:
        until = time.monotonic() + LONG
        while not (folder / "judging").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)

    thread = threading.Thread(target=end)
    thread.start()
    return thread


def test_a_cluster_says_what_this_machine_says(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = validate(fleet, "--jobs", "1")
    assert here[0] == 3
    workers: list[int] = []
    monkeypatch.setattr(OfCluster, "counted", lambda _, count: workers.append(count))
    with running(tmp_path / "cluster", 2) as cluster:
        wait_for(cluster.address, 2)
        assert validate(fleet, "--scheduler", cluster.address) == here
        assert set(workers) == {2}
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.address)
        assert validate(fleet) == here
        # Each worker asked for the repository once, and keeps it in its own folder.
        copies = list((tmp_path / "cluster").glob("worker-*/dask-scratch-space/*/meshgate/*"))
        assert 1 <= len(copies) <= 2
        assert len({copy.name for copy in copies}) == 1
        with client_of(cluster.address) as client:
            left = client.get_metadata([dask_worker.SECTION])
        assert set(left.values()) == {None}, "the scheduler keeps no repository"
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
        assert validate(fleet, "--scheduler", "") == here


def tables(root: Path, to: Path, *arguments: str) -> tuple[int, dict[str, list[str]], str]:
    """The exit code, the rows of every table in order, and what is said of environments."""
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["tables", "-C", str(root), "--to", str(to), "--run", "one", *arguments])
    rows = {
        name: sorted(map(str, frames.table(to, name).drop_columns("began").to_pylist()))
        for name in TABLES
    }
    return code, rows, err.getvalue().replace(str(to), "")


def test_tables_have_the_rows_of_this_machine(fleet: Path, tmp_path: Path) -> None:
    here = tables(fleet, tmp_path / "here")
    assert here[0] == 3
    assert all(here[1][name] for name in ("calls", "environments", "findings", "servers"))
    with running(tmp_path / "cluster", 2) as cluster:
        wait_for(cluster.address, 2)
        there = tmp_path / "there"
        # Also where tables of another run lay.
        for others in ((), ("--scheduler", ""), ()):
            arguments = others or ("--scheduler", cluster.address)
            assert tables(fleet, there, *arguments) == here
            parts = [each.name for each in there.iterdir()]
            assert all(each.startswith("part-") for each in parts) != bool(others)
            assert bool(others) or len(parts) > 2


def test_tables_say_which_environment_ended_its_workers(fleet: Path, tmp_path: Path) -> None:
    with running(tmp_path / "cluster", 2, preload=POISON_OF_TABLES, nanny=True) as cluster:
        wait_for(cluster.address, 2)
        code, rows, err = tables(fleet, tmp_path / "there", "--scheduler", cluster.address)
    assert code == 4
    assert "env-9: the workers that judged it ended" in err
    (own,) = [row for row in rows["environments"] if "'env-9'" in row]
    assert "'judged': False" in own
    assert len(rows["environments"]) == 14


def test_a_worker_that_is_killed_costs_nothing_but_time(fleet: Path, tmp_path: Path) -> None:
    here = validate(fleet, "--jobs", "1")
    with running(tmp_path / "cluster", 2, preload=SLOW) as cluster:
        wait_for(cluster.address, 2)
        thread = ended_in_the_middle(cluster.workers[0], tmp_path / "cluster/worker-0")
        assert validate(fleet, "--scheduler", cluster.address) == here
        thread.join()
        assert cluster.workers[0].wait() == -signal.SIGKILL
        assert cluster.workers[1].poll() is None


def test_one_that_ends_its_workers_fails_alone(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = json.loads(validate(fleet, "--jobs", "1")[1])
    # So that it shares its task with others.
    monkeypatch.setattr(request, "AS_MANY", 2)
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with running(
        tmp_path / "cluster", 1, preload=POISON, nanny=True, environment=settings
    ) as cluster:
        wait_for(cluster.address, 1)
        code, out, err = validate(fleet, "--scheduler", cluster.address)
    assert code == 4
    assert "meshgate: env-9 was not judged: env-9: the workers that judged it ended" in err
    told = json.loads(out)
    others = [each for each in here["findings"] if each["environment"] != "env-9"]
    assert others
    assert told["findings"] == others
    failed = {each["environment"] for each in told["summary"]["failures"]}
    assert failed == {each["environment"] for each in here["summary"]["failures"]} | {"env-9"}


def test_workers_end_whatever_they_judge(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "MOST_ENDED", 2)
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    preload = POISON.replace('each.name == "env-9"', "True")
    with running(
        tmp_path / "cluster", 1, preload=preload, nanny=True, environment=settings
    ) as cluster:
        wait_for(cluster.address, 1)
        code, _, err = validate(fleet, "--scheduler", cluster.address)
    assert code == 4
    assert "end whatever they judge: no verdict on env-" in err


def test_all_workers_have_ended(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "NO_WORKER", 2)
    with running(tmp_path / "cluster", 1, preload=POISON) as cluster:
        wait_for(cluster.address, 1)
        code, _, err = validate(fleet, "--scheduler", cluster.address, "env-9")
    assert code == 7
    assert "has no worker: no verdict on env-" in err


def test_a_worker_gives_no_result(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "NO_RESULT", 2)
    with running(tmp_path / "cluster", 1) as cluster:
        wait_for(cluster.address, 1)
        os.killpg(cluster.workers[0].pid, signal.SIGSTOP)
        code, _, err = validate(fleet, "--scheduler", cluster.address)
    assert code == 7
    assert "gave a result for 2 s: no verdict on env-0, env-1, env-10 and 11 more" in err


def test_the_scheduler_ends_in_the_middle(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "ANSWER", 1)
    with running(tmp_path / "cluster", 1, preload=SLOW) as cluster:
        wait_for(cluster.address, 1)
        thread = ended_in_the_middle(cluster.scheduler, tmp_path / "cluster/worker-0")
        code, _, err = validate(fleet, "--scheduler", cluster.address)
        thread.join()
    assert code == 7
    assert f"the scheduler {cluster.address} is lost" in err


def test_a_worker_has_another_version(fleet: Path, tmp_path: Path) -> None:
    with running(tmp_path / "cluster", 1, preload=OTHER) as cluster:
        wait_for(cluster.address, 1)
        code, _, err = validate(fleet, "--scheduler", cluster.address)
    assert code == 4
    assert "a worker has meshgate 0.0.1, and this is" in err


def test_verdicts_of_a_cluster_are_kept(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    argv = ["validate", "-C", str(fleet), "--format", "json", "env-0", "env-1"]
    with running(tmp_path / "cluster", 1) as cluster:
        wait_for(cluster.address, 1)
        code = main([*argv, "--scheduler", cluster.address])
        first = capsys.readouterr()
    assert code == 1
    assert len(list((tmp_path / "cache/meshgate/verdicts").rglob("*"))) >= 2
    # Nothing is left to be asked of a cluster that is gone.
    assert main([*argv, "--scheduler", cluster.address]) == code
    assert capsys.readouterr() == first


def certificates(folder: Path) -> dict[str, str]:
    """The settings of Dask for TLS, with an authority of this test."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    start = "DASK_DISTRIBUTED__COMM__TLS__"
    settings = {f"{start}CA_FILE": str(folder / "cert.pem")}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        settings[f"{start}{who}__CERT"] = str(folder / "cert.pem")
        settings[f"{start}{who}__KEY"] = str(folder / "key.pem")
    return {**settings, "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}


def test_tls_of_dask_is_used(fleet: Path, tmp_path: Path) -> None:
    """In a process of its own: Dask reads its settings when it is imported."""
    here = validate(fleet, "--jobs", "1")
    settings = certificates(tmp_path / "tls")
    with running(tmp_path / "cluster", 1, protocol="tls", environment=settings) as cluster:
        assert cluster.address.startswith("tls://")
        argv = [sys.executable, "-m", "meshgate", "validate", "-C", str(fleet), "--no-cache"]
        argv += ["--format", "json", "--scheduler", cluster.address]
        done = asked(argv, settings)
        until = time.monotonic() + LONG
        while done.returncode == 7 and time.monotonic() < until:  # the worker is not there yet
            done = asked(argv, settings)
        assert (done.returncode, done.stdout, done.stderr) == here
        without = asked(argv, {})
        assert without.returncode == 7
        assert "does not answer" in without.stderr


def asked(argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)


def test_an_interrupt_ends_it(fleet: Path, tmp_path: Path) -> None:
    with running(tmp_path / "cluster", 1, preload=SLOW) as cluster:
        wait_for(cluster.address, 1)
        argv = [sys.executable, "-m", "meshgate", "validate", "-C", str(fleet), "--no-cache"]
        run = subprocess.Popen(
            [*argv, "--scheduler", cluster.address], stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        until = time.monotonic() + LONG
        while not (tmp_path / "cluster/worker-0/judging").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, err = run.communicate(timeout=LONG)
        assert time.monotonic() - started < 5
    assert run.returncode == 130
    assert err.decode().startswith("meshgate: interrupted")
