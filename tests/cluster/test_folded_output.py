"""What `verify` says of thousands of workloads is read by one person: folded, the worst first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from live_objects import deployment, live, namespace, peer_authentication, pods, service
from meshgate.cli import main
from meshgate.cluster.folding import by_kind, first, folded, some
from meshgate.model import JSONObject
from recorded_api import RecordedApi
from verified_cluster import verify

pytestmark = pytest.mark.sampled(every=2)

Capture = pytest.CaptureFixture[str]
SPACES = 40
MESHED = {"istio-injection": "enabled"}


def test_notes_of_one_kind_are_one() -> None:
    same = [f"Deployment/shop/web-{number}: runs as none" for number in range(300)]
    few = [f"Job/shop/x-{number}: runs as none" for number in range(3)]
    notes = [*same[:150], "something else: with a colon", *few, *same[150:]]

    assert list(folded(notes)) == [
        "300 Deployments: runs as none: shop/web-0, shop/web-1, shop/web-2 and 297 more",
        "something else: with a colon",
        *few,
    ]
    assert list(folded([])) == []


def test_first_and_some() -> None:
    assert list(first(["a"] * 10)) == ["a"] * 10
    assert list(first(["a"] * 1011))[10:] == ["and 1,001 more; --format json has all"]
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(["a", "b", "c", "d"]) == "a, b, c and 1 more"
    assert by_kind(["A", "B", "B"]) == "2 Bs, 1 A"


@pytest.fixture
def running_objects() -> list[JSONObject]:
    """Namespaces with a workload each, two foreign objects, and a pod without its sidecar."""
    objects: list[JSONObject] = []
    for number in range(SPACES):
        space = f"team-{number:02}"
        web = deployment(space, "web")
        objects += [namespace(space, **MESHED), service(space, "web"), web, *pods(web, None)]
        objects.append(live("VirtualService", space, "web", spec={"hosts": ["web"], "http": []}))
    objects.append(peer_authentication("istio-system", "open", "DISABLE"))
    return objects


def test_a_person_reads_a_screen(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    assert verify(repository, api) == 1
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) < 60, "\n".join(lines)
    (runs,) = [line for line in lines if "runs as none" in line]
    assert runs.startswith(f"{SPACES} Deployments: by its labels sidecar, and it runs as none: ")


def test_what_changes_most_stands_first(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    """Of foreign objects that of the most calls; those that change nothing are counted."""
    for each in api.objects:
        if each["kind"] == "Pod":
            each["spec"]["containers"].append(
                {"name": "istio-proxy", "image": "p", "args": ["proxy", "sidecar"]}
            )
    assert main(["-C", str(repository), "render", "prod"]) == 0
    api.objects += list(yaml.safe_load_all(capsys.readouterr().out))

    assert verify(repository, api) == 1
    lines = capsys.readouterr().out.splitlines()
    start = lines.index(f"{SPACES + 1} objects neither rendered nor in the inventory")
    assert lines[start + 1].startswith("  PeerAuthentication/istio-system/open: changes ")
    listed = lines[start + 1 : lines.index("", start)]
    assert len(listed) <= 12
    assert f"  and {SPACES + 1 - 10} VirtualServices that change nothing" in listed
    assert verify(repository, api, "--format", "json") == 1
    whole = json.loads(capsys.readouterr().out)
    assert len(whole["foreign"]) == SPACES + 1


def test_calls_that_break_are_not_hidden_by_ports(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    """Forty ports, each otherwise by a policy of its own namespace, and calls that break."""
    modes = ("STRICT", "DISABLE", "PERMISSIVE")
    api.objects += [
        peer_authentication(f"team-{number:02}", f"own-{number}", modes[number % 3])
        for number in range(SPACES)
    ]

    assert verify(repository, api) == 1
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("What that does"))
    end = lines.index("", begin)
    assert end - begin <= 3 * 11 + 1


def test_what_is_lost_is_folded(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    capture = ["-C", str(repository), "inventory", "capture", "prod", *api.options]
    assert main([*capture, "--force"]) == 0
    notes = capsys.readouterr().err
    assert notes.count("runs as none") == 1
    api.objects = [each for each in api.objects if each["kind"] == "PeerAuthentication"]

    assert main(capture) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) < 20
    assert any(line.startswith("and ") and line.endswith(" more") for line in told)
