"""The commands of promotion as people and programs call them."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

import jsonschema
import pytest

from meshgate.cli import main
from meshgate.cli import promote as command
from meshgate.errors import (
    MeshgateError,
    NothingToPromoteError,
    RefusedError,
    WaitingError,
    gravest,
)
from meshgate.model import JSON
from meshgate.repository import Repository
from pipeline import ENVIRONMENTS, Pipeline, mode
from places import REPOSITORY
from promoted import RULE, git

pytestmark = pytest.mark.sampled(every=2)

SCHEMAS = REPOSITORY / "schemas/meshgate"


class Call:
    """Runs a command in the clone: its exit code, what it printed, and its errors."""

    def __init__(self, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
        self.pipeline = pipeline
        self.capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = main(["-C", str(self.pipeline.work), *arguments])
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def json(self, schema: str, *arguments: str) -> JSON:
        """The JSON of a command, held against its schema."""
        code, out, err = self(*arguments, "--format", "json")
        assert code == 0, err
        value = json.loads(out)
        jsonschema.validate(value, json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
        return value

    def proposal(self, *arguments: str) -> JSON:
        """The one promotion that a command proposes."""
        (found,) = self.json("proposals", *arguments)["proposals"]
        return found


@pytest.fixture
def call(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.setenv("MESHGATE_FORGE", "local")
    monkeypatch.setenv("MESHGATE_FORGE_URL", str(pipeline.hub))
    for name in ("CI", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    return Call(pipeline, capsys)


def refs(pipeline: Pipeline) -> tuple[str, str]:
    return git(pipeline.hub, "for-each-ref"), git(pipeline.work, "for-each-ref")


def test_plan_tells_and_writes_nothing(pipeline: Pipeline, call: Call) -> None:
    before = refs(pipeline)
    code, out, _ = call("plan", "staging")
    assert code == 0
    assert "shop/cart:8080 tightens: PERMISSIVE -> STRICT" in out
    assert "Nothing was written" in out
    assert refs(pipeline) == before
    value = call.proposal("plan", "staging")
    assert value["pullRequest"] is None
    assert value["commit"] is None
    _, page, _ = call("plan", "staging", "--format", "markdown")
    assert page.startswith("### :white_check_mark: `staging`: ready to merge")


def test_plan_tells_how_to_accept_a_break(pipeline: Pipeline, call: Call) -> None:
    """A client in the mesh that is told to send plaintext to a port that turns STRICT."""
    client = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec: {containers: [{name: app, image: till, ports: [{containerPort: 8080}]}]}
"""
    pipeline.commit(
        {
            "policies/shop/destinationrule-cart.yaml": RULE.replace("ISTIO_MUTUAL", "DISABLE"),
            "inventory/staging/till.yaml": client,
        },
        "shop: plaintext",
    )
    code, out, _ = call("plan", "staging")
    assert code == 8
    assert "PR13" in out
    assert "acknowledgements" in out
    assert "breaks: " in out
    code, _, err = call("promote", "staging")
    assert code == 8
    assert "nothing was pushed" in err
    assert not git(pipeline.hub, "branch", "--list", "promote/*")


def test_the_whole_way(call: Call) -> None:
    opened = call.proposal("promote", "staging")
    assert opened["pushed"] is True
    number = str(opened["pullRequest"]["number"])
    code, out, _ = call("promote", "staging")
    assert code == 0
    assert "already there, nothing was pushed" in out
    assert call.json("merged", "merge", number)["merged"][0]["already"] is False
    code, out, _ = call("merge", number)
    assert (code, "was merged already" in out) == (0, True)
    tags = call.json("tags", "record")["tags"]
    assert {tag["name"] for tag in tags} >= {"env/staging/0002", "env/prod/0001"}
    code, out, _ = call("record", "staging")
    assert "every record has its tag already" in out
    assert call("promote", "staging")[0] == 9

    held = call.proposal("hold", "prod", "--reason", "incident", "--until", "2099-01-01")
    assert held["event"] == "hold"
    assert call("merge", str(held["pullRequest"]["number"]))[0] == 0
    assert call("promote", "prod")[0] == 10
    assert call("plan", "prod")[0] == 10
    code, out, _ = call("hold", "staging", "--reason", "incident", "--until", "2099-01-01")
    assert (code, "keeps out promote and hotfix until 2099-01-01 00:00 UTC" in out) == (0, True)
    resumed = call.proposal("resume", "prod", "--reason", "over")
    assert call("merge", str(resumed["pullRequest"]["number"]))[0] == 0
    back = call.proposal("rollback", "staging", "--to", "1", "--reason", "503", "--ticket", "INC-1")
    assert call("merge", str(back["pullRequest"]["number"]))[0] == 10
    rejected = call.proposal("reject", opened["release"], "--reason", "bad", "--env", "prod")
    assert rejected["title"].startswith("reject(prod): ")


def test_merge_ready_merges_what_the_tool_may(pipeline: Pipeline, call: Call) -> None:
    text = ENVIRONMENTS.replace("mode: pinned\n", "mode: pinned\n    merge: tool\n", 1)
    pipeline.commit({"environments.yaml": text}, "staging: by the tool")
    call("promote", "staging")
    assert call.json("merged", "merge", "--ready")["merged"][0]["number"] == 1
    call("promote", "prod")
    assert call.json("merged", "merge", "--ready")["merged"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("merge",), "name one pull request"),
        (("promote",), "name one environment"),
        (("promote", "nowhere"), "no environment 'nowhere'"),
        (("promote", "dev"), "floating"),
        (("promote", "staging", "--release", "r-nothing"), "no release"),
        (("hold", "prod", "--reason", "x", "--until", "soon"), "no time"),
        (("hold", "prod", "--reason", "x", "--until", "2020-01-01"), "over already"),
    ],
)
def test_what_is_wrong_is_said(call: Call, arguments: tuple[str, ...], says: str) -> None:
    code, _, err = call(*arguments)
    assert code == 2
    assert says in err


def test_who_asked_is_in_the_record(
    pipeline: Pipeline, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://forge.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/mesh")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    opened = call.proposal("promote", "staging")
    with Repository(pipeline.hub) as repository:
        content = repository.read(
            opened["commit"], pipeline.state("staging", opened["branch"]).record
        )
    assert content is not None
    assert b"login: ada" in content
    assert b"https://forge.example/acme/mesh/actions/runs/7" in content


def test_an_error_in_the_sources_ends_a_plan_as_it_ends_validate(
    pipeline: Pipeline, call: Call
) -> None:
    (file,) = mode("STRICT")
    twice = mode("STRICT")[file].replace("spec:", "spec: {}\nspec:")
    pipeline.commit({file: twice}, "a key twice")

    code, out, _ = call("validate", "staging", "--format", "json")
    first = json.loads(out)["findings"][0]
    planned, _, err = call("plan", "staging")

    assert (code, planned) == (1, 1)
    assert f"{first['rule']} {first['name']}: {first['message']}" in err


def test_promote_all_goes_on_after_one_that_has_nothing(call: Call) -> None:
    code, out, err = call("promote", "--all")
    assert code == 0
    assert "promote(staging): " in out
    assert "meshgate: prod: prod has " in err
    assert call("merge", "1")[0] == 0
    assert call("promote", "--all")[0] == 0
    assert call("merge", "2")[0] == 0
    assert call("promote", "--all")[0] == 9


def test_promote_all_ends_with_the_gravest_of_its_environments(
    pipeline: Pipeline, call: Call
) -> None:
    empty = {"policies/shop/kustomization.yaml": "resources: []\n"}
    pipeline.commit(empty, "shop: no rule")
    fewer = pipeline.promote("staging", resources=1)
    pipeline.approve(fewer.pull.number)
    pipeline.merge(fewer.pull.number)
    pipeline.hold("staging", direct=True)
    pipeline.commit(mode("PERMISSIVE"), "another")

    code, _, err = call("promote", "--all")

    assert "meshgate: staging: " in err  # held, which waits (10)
    assert "the render of prod has 1 resource, and had 2" in err  # refused
    assert code == 8


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((), 0),
        ((0, 9), 9),
        ((9, 10), 10),
        ((10, 8), 8),
        ((8, 3), 3),
        ((4, 11), 11),
        ((11, 70), 70),
    ],
)
def test_the_gravest_of_several_ends(codes: tuple[int, ...], code: int) -> None:
    assert gravest(codes) == gravest(reversed(codes)) == code


@pytest.mark.decisive
@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ((None, NothingToPromoteError), 0),
        ((NothingToPromoteError, None), 0),
        ((NothingToPromoteError, NothingToPromoteError), 9),
        ((None, WaitingError), 10),
        ((WaitingError, RefusedError), 8),
        ((NothingToPromoteError, WaitingError), 10),
    ],
)
def test_what_is_proposed_makes_nothing_new_elsewhere_no_failure(
    ends: tuple[type[MeshgateError] | None, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `promote --all`; an environment is proposed, or ends with an error."""
    waiting = iter(ends)

    def promoted_or_not(*_: object) -> object:
        error = next(waiting)
        if error is not None:
            raise error("of one environment")
        return object()

    monkeypatch.setattr(command, "session_of", contextlib.nullcontext)
    monkeypatch.setattr(command, "automatic", lambda _: ["staging", "prod"])
    monkeypatch.setattr(command, "promote_one", promoted_or_not)
    monkeypatch.setattr(command, "print_proposals", lambda *_: None)

    assert command.run(argparse.Namespace(environment=None, all=True)) == code


def test_inside_actions_the_page_is_in_the_summary(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert call("promote", "staging")[0] == 0
    assert "Merging this puts" in summary.read_text()
