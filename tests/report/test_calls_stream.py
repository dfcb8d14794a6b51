"""`calls --format json`: crowds are one entry, and what is long is written as it comes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from live_objects import deployment, namespace, service
from meshgate.cli import main
from meshgate.cluster.kinds import ALL
from meshgate.mesh import Call, Mesh
from meshgate.model import JSONObject, MeshFacts, Resource
from meshgate.report import Options, calls
from meshgate.report.calls import CallsQuestion
from meshgate.report.view import View
from places import REPOSITORY

VERSIONS = {kind.kind: kind.api_version for kind in reversed(ALL)}
OPTIONS = Options(width=100)


def objects(clients: int) -> list[JSONObject]:
    """Clients with sidecars in two namespaces, and one server."""
    spaces = [namespace(space, **{"istio-injection": "enabled"}) for space in ("a", "b")]
    made = [deployment("ab"[number % 2], f"app-{number}") for number in range(clients)]
    listed = [*spaces, *made, service("a", "app-0")]
    return [{**each, "apiVersion": VERSIONS[each["kind"]]} for each in listed]


@pytest.fixture(scope="module")
def view() -> View:
    mesh = Mesh([Resource.of(each) for each in objects(40)], MeshFacts())
    return View("prod", mesh, lambda *_: None)


def entries(question: CallsQuestion) -> list[JSONObject]:
    listed: list[JSONObject] = json.loads(calls.json([question], OPTIONS))["calls"]
    return listed


def test_a_crowd_is_one_entry(view: View) -> None:
    (crowd,) = entries(CallsQuestion(view, full=False))

    assert crowd["clients"] == {"count": 40, "plane": "sidecar", "namespaces": ["a", "b"]}
    every = entries(CallsQuestion(view))
    assert len(every) == 40
    assert {key: each for key, each in crowd.items() if key != "clients"} in every


def test_few_clients_are_themselves(view: View) -> None:
    few = View(
        "prod",
        Mesh([Resource.of(each) for each in objects(calls.MOST_ONE_BY_ONE)], MeshFacts()),
        view.locate,
    )
    assert entries(CallsQuestion(few, full=False)) == entries(CallsQuestion(few))


def test_one_client_is_never_a_crowd(view: View) -> None:
    client = view.mesh.workload("a", "app-2")

    (call,) = entries(CallsQuestion(view, client, full=False))
    assert call["client"] == {"namespace": "a", "workload": "app-2"}
    assert "clients" not in call


def test_nothing_waits_for_the_end(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Call] = []
    real = calls.as_json

    def counted(asked: View, call: Call) -> JSONObject:
        made.append(call)
        return real(asked, call)

    monkeypatch.setattr(calls, "as_json", counted)

    pieces = list(itertools.islice(calls.streamed([CallsQuestion(view)], OPTIONS), 3))

    assert len(made) == 2
    assert json.loads("".join(pieces) + "]}")["version"] == 1


def test_the_command_line_has_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "dump.json", tmp_path / "calls.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects(12)}))

    assert main(["calls", str(file), "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["calls"]) == 1
    assert main(["calls", str(file), "--full", "--format", f"json={out}"]) == 0
    assert len(json.loads(out.read_text())["calls"]) == 12
    nowhere = tmp_path / "no/calls.json"
    assert main(["calls", str(file), "--format", f"json={nowhere}"]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_the_schema_knows_crowds() -> None:
    schema = json.loads((REPOSITORY / "schemas/meshgate/calls.schema.json").read_text())

    assert "clients" not in schema["$defs"]["call"]["required"]
    assert schema["$defs"]["call"]["properties"]["clients"]["required"] == [
        *("count", "plane", "namespaces")
    ]
