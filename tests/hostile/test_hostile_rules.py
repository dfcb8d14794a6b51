"""Claim: no pull request loosens the rules without the word of those who own them (PR23)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from judged import NOW, judged, pull_request, review
from meshgate.model import JSONObject
from meshgate.promotion.candidate import Reviews
from meshgate.promotion.files import FileChange
from meshgate.promotion.guards.pr23_loosens_rules import (
    RuleChange,
    environments_loosened,
    loosened,
    rules_are_agreed,
)
from meshgate.promotion.judge import MergeVerdict
from promoted import ENVIRONMENTS, Promoted, commit, git

BEFORE: JSONObject = {
    "environments": [
        {"name": "dev", "overlay": "overlays/dev", "mode": "floating"},
        {
            "name": "prod",
            "overlay": "overlays/prod",
            "mode": "pinned",
            "after": ["staging"],
            "gates": ["soaked", "calm"],
            "soak": {"promote": "24h"},
            "merge": "manual",
            "approvals": {
                "count": 2,
                "teams": ["prod"],
                "weakening": {"teams": ["security"]},
                "rules": {"teams": ["security"]},
                "notRequester": True,
            },
            "signatures": {"allowedSigners": "signers"},
            "unseenFields": 3,
            "clusters": {"selector": {"mesh-env": "prod"}},
            "mesh": {"istio": "1.31", "outside": []},
            "require": {
                "mtls": "STRICT",
                "authorization": "default-deny",
                "newAccess": "reviewed",
                "kinds": ["PeerAuthentication"],
                "wildcardHosts": [],
            },
        },
    ],
    "gates": [
        {"name": "soaked", "type": "soak"},
        {"name": "calm", "type": "effects", "loosened": 0},
    ],
    "windows": [{"name": "nights", "kind": "deny"}],
    "paused": {"by": "a", "reason": "b"},
}
Edit = Callable[[JSONObject, JSONObject], object]
LOOSENS: dict[str, Edit] = {
    "floor lowered": lambda _, prod: prod["require"].update(mtls="PERMISSIVE"),
    "floor switched off": lambda _, prod: prod["require"].update(mtls="DISABLE"),
    "floor of a mode that is none": lambda _, prod: prod["require"].update(mtls="strict"),
    "authorization no longer asked": lambda _, prod: prod["require"].pop("authorization"),
    "authorization none": lambda _, prod: prod["require"].update(authorization="none"),
    "new access only told": lambda _, prod: prod["require"].update(newAccess="told"),
    "kinds added": lambda _, prod: prod["require"]["kinds"].append("EnvoyFilter"),
    "kinds removed altogether": lambda _, prod: prod["require"].pop("kinds"),
    "wildcard hosts allowed": lambda _, prod: prod["require"]["wildcardHosts"].append(
        {"host": "*"}
    ),
    "gate removed": lambda _, prod: prod["gates"].remove("calm"),
    "gates waived": lambda _, prod: prod.update(gates=[], gatesWaived="none"),
    "gates left out": lambda _, prod: prod.pop("gates"),
    "gate's limit raised": lambda top, _: top["gates"][1].update(loosened=99),
    "gate's events narrowed": lambda top, _: top["gates"][1].update(events=["hotfix"]),
    "gate's type changed": lambda top, _: top["gates"][1].update(type="soak"),
    "soak shortened": lambda _, prod: prod["soak"].update(promote="1s"),
    "soak removed": lambda _, prod: prod.pop("soak"),
    "approvals fewer": lambda _, prod: prod["approvals"].update(count=1),
    "approvals as text": lambda _, prod: prod["approvals"].update(count="9"),
    "approvals removed": lambda _, prod: prod.pop("approvals"),
    "own team named": lambda _, prod: prod["approvals"].update(teams=["mine"]),
    "own team added": lambda _, prod: prod["approvals"]["teams"].append("mine"),
    "own team may weaken": lambda _, prod: prod["approvals"]["weakening"].update(teams=["mine"]),
    "own team owns rules": lambda _, prod: prod["approvals"]["rules"].update(teams=["mine"]),
    "nobody owns rules": lambda _, prod: prod["approvals"].pop("rules"),
    "requester counts": lambda _, prod: prod["approvals"].update(notRequester=False),
    "signatures no longer asked": lambda _, prod: prod.pop("signatures"),
    "other signers": lambda _, prod: prod["signatures"].update(allowedSigners="mine"),
    "more unseen fields": lambda _, prod: prod.update(unseenFields=999),
    "merged by the tool": lambda _, prod: prod.update(merge="tool"),
    "environment floats": lambda _, prod: prod.update(mode="floating"),
    "environment dropped": lambda top, _: top["environments"].pop(),
    "environment renamed": lambda _, prod: prod.update(name="production"),
    "environment before skipped": lambda _, prod: prod.update(after=["dev"]),
    "any environment before": lambda _, prod: prod.update(after={"any": ["staging", "dev"]}),
    "nothing before": lambda _, prod: prod.pop("after"),
    "other overlay": lambda _, prod: prod.update(overlay="overlays/mine"),
    "other clusters": lambda _, prod: prod["clusters"]["selector"].update({"mesh-env": "x"}),
    "other Istio": lambda _, prod: prod["mesh"].update(istio="1.27"),
    "host led outside": lambda _, prod: prod["mesh"]["outside"].append({"host": "x"}),
    "other trust domain": lambda _, prod: prod["mesh"].update(trustDomain="mine"),
    "severity lowered": lambda _, prod: prod.update(severities={"PA001": "info"}),
    "window removed": lambda top, _: top["windows"].pop(),
    "window opened": lambda top, _: top["windows"][0].update(kind="allow"),
    "window for others": lambda top, _: top["windows"][0].update(environments=["dev"]),
    "pause ended": lambda top, _: top.pop("paused"),
    "sync moved": lambda top, _: top.update(sync={"repository": "https://mine.example/x"}),
}
TIGHTENS: dict[str, Edit] = {
    "gate added": lambda _, prod: prod["gates"].append("more"),
    "approvals more": lambda _, prod: prod["approvals"].update(count=3),
    "kinds fewer": lambda _, prod: prod["require"].update(kinds=[]),
    "nothing": lambda top, prod: (top, prod),
    "environment added": lambda top, _: top["environments"].append({"name": "other"}),
}


def without_owners(document: JSONObject) -> JSONObject:
    found = copy.deepcopy(document)
    found["environments"][1]["approvals"].pop("rules")
    return found


@pytest.mark.parametrize("what", ["rules", "access", "weakening"])
def test_nobody_is_the_first_to_name_themselves(what: str) -> None:
    before = without_owners(BEFORE)
    before["environments"][1]["approvals"].pop("weakening")
    after = copy.deepcopy(before)
    after["environments"][1]["approvals"][what] = {"teams": ["mine"]}
    assert list(environments_loosened(before, after))


def test_one_more_owner_is_one_more_who_must_agree() -> None:
    after = copy.deepcopy(BEFORE)
    after["environments"][0]["approvals"] = {"rules": {"teams": ["dev"]}}
    assert not list(environments_loosened(BEFORE, after))


def edited(edit: Edit) -> JSONObject:
    after = copy.deepcopy(BEFORE)
    edit(after, after["environments"][1])
    return after


@pytest.mark.parametrize("name", LOOSENS)
def test_what_loosens_a_rule_is_told(name: str) -> None:
    told = list(environments_loosened(BEFORE, edited(LOOSENS[name])))
    assert told
    assert all(sentence for sentence in told)


@pytest.mark.parametrize("name", TIGHTENS)
def test_what_only_tightens_passes(name: str) -> None:
    assert not list(environments_loosened(BEFORE, edited(TIGHTENS[name])))


@pytest.mark.parametrize("mode", ["PERMISSIVE", "STRICT"])
def test_a_higher_floor_passes(mode: str) -> None:
    before = edited(lambda _, prod: prod["require"].update(mtls="DISABLE"))
    after = edited(lambda _, prod: prod["require"].update(mtls=mode))
    assert not list(environments_loosened(before, after))


FILES = [
    *("waivers/prod.yaml", "inventory/prod/shop.yaml", "expectations/prod.yaml", ".sourceignore"),
    *("evidence/prod/probe/x.json", ".gitattributes", "policies/.gitattributes", "noxfile.py"),
    *("sync/argocd/prod.yaml", ".github/workflows/promotion-check.yml", ".github/CODEOWNERS"),
    *(".gitlab-ci.yml", "docs/gitlab-ci.yml", "action.yml", "pyproject.toml", "constraints.txt"),
    *("bootstrap.txt", "runtime.txt"),
    *("scripts/meshgate/cli/check.py", "schemas/index.json", ".ci/run", "overlays/.sourceignore"),
    *(".gitea/workflows/x.yml", ".forgejo/workflows/x.yml", ".circleci/config.yml", "Jenkinsfile"),
    # Pipelines of other forges and tools, and what a runner takes without being told.
    *(".woodpecker.yml", ".drone.yml", ".travis.yml", ".buildkite/pipeline.yml", ".tekton/x.yaml"),
    *(".azure-pipelines/x.yml", ".envrc", ".python-version", ".mise.toml", ".gitignore"),
    *("Makefile", "justfile", "Taskfile.yml", "Dockerfile", "setup.py", "setup.cfg", "tox.ini"),
    *("hatch_build.py", "sitecustomize.py", "conftest.py", "uv.lock", "uv.toml", "pip.conf.ini"),
    *("requirements.txt", "nox/__init__.py", "meshgate/__init__.py", "yaml.py", "x.pth"),
    *(".GitHub/workflows/x.yml", "Environments.yaml", "WAIVERS/prod.yaml", "NOXFILE.py"),
    *("docs/conf.py", "overlays/prod/kustomize.py", "jenkinsfile", "Docs/GitLab-CI.yml"),
    *("promotion/allowed_signers", ".gitmodules", ".pre-commit-config.yaml", "CODEOWNERS"),
]


def change_of(path: str, kind: str = "modified", **more: object) -> RuleChange:
    settings = {"before": BEFORE, "after": BEFORE, "signers": ("promotion/allowed_signers",)} | more
    return RuleChange((FileChange(path, kind),), **settings)  # type: ignore[arg-type] # fields


@pytest.mark.parametrize("kind", ["added", "modified", "deleted"])
def test_files_that_decide_need_approval(kind: str) -> None:
    for path in FILES:
        objections = list(rules_are_agreed(change_of(path, kind, teams=(("security",),))))
        if path.startswith("waivers/") and kind == "deleted":
            assert not objections, path
            continue
        (objection,) = objections
        assert objection.waits, path
        assert "needs approval of security" in objection.message
        assert objection.details == (f"{path} is {kind}",)


@pytest.mark.parametrize(
    "path", ["policies/x.yaml", "README.md", "docs/x.md", "x.yml", "LICENSE", "docs/x.txt"]
)
def test_other_files_need_none(path: str) -> None:
    assert not list(rules_are_agreed(change_of(path)))


def test_rules_of_environments_are_compared_where_their_file_changes() -> None:
    """The file of the base may have moved on since the branch was made."""
    looser = edited(LOOSENS["floor lowered"])

    assert loosened(change_of("environments.yaml", after=looser)) == [
        "prod: require.mtls goes from STRICT to PERMISSIVE"
    ]
    assert loosened(change_of("noxfile.py", after=looser)) == ["noxfile.py is modified"]


@pytest.mark.parametrize(
    ("was", "becomes", "passes"),
    [(None, 0, True), (None, 1, True), (2, 2, True), (2, 3, True), (2, 1, False), (1, None, False)],
)
def test_as_many_must_agree_as_before(
    was: int | None, becomes: int | None, *, passes: bool
) -> None:
    def counting(count: int | None) -> JSONObject:
        found = copy.deepcopy(BEFORE)
        found["environments"][1]["approvals"].pop("count")
        if count is not None:
            found["environments"][1]["approvals"]["count"] = count
        return found

    assert (not list(environments_loosened(counting(was), counting(becomes)))) is passes


def test_a_long_value_is_shown_in_part() -> None:
    def named(text: str) -> str:
        (sentence,) = environments_loosened(BEFORE, edited(lambda _, prod: prod.update(merge=text)))
        return sentence.rpartition(" to ")[2]

    assert named("x" * 200) == "x" * 200
    assert named("x" * 201) == "x" * 200 + "..."


HEAD = "a" * 40
REVIEWS = {
    "nobody": (),
    "another team": (review("eve", HEAD, teams=("prod",)),),
    "no team": (review("eve", HEAD),),
    "an earlier commit": (review("eve", "b" * 40, teams=("security",)),),
    "the author": (review("promoter", HEAD, teams=("security",)),),
    "asks for changes": (review("eve", HEAD, "changes-requested", ("security",)),),
    "a comment": (review("eve", HEAD, "commented", ("security",)),),
}


@pytest.mark.parametrize("who", REVIEWS)
def test_the_word_of_others_does_not_do(who: str) -> None:
    reviews = Reviews(pull_request(HEAD), REVIEWS[who])
    change = change_of("noxfile.py", teams=(("security",),), reviews=reviews)
    assert [objection.waits for objection in rules_are_agreed(change)] == [True]


def test_the_owners_word_does() -> None:
    by_owner = review("eve", HEAD, teams=("security",))
    change = change_of(
        "noxfile.py", teams=(("security",),), reviews=Reviews(pull_request(HEAD), (by_owner,))
    )
    assert not list(rules_are_agreed(change))
    armed = Reviews(pull_request(HEAD, auto_merge=True), (by_owner,))
    assert list(rules_are_agreed(change_of("noxfile.py", teams=(("security",),), reviews=armed)))
    two = change_of(
        "noxfile.py",
        teams=(("security",), ("prod",)),
        reviews=Reviews(pull_request(HEAD), (by_owner,)),
    )
    assert "needs approval of prod" in next(rules_are_agreed(two)).message


def test_two_steps_do_not_pass_where_one_would_not(promoted: Promoted) -> None:
    """The rule first: it waits for its owners, from files alone and without any forge."""
    base = git(promoted.folder, "rev-parse", "HEAD")
    commit(promoted.folder, {"environments.yaml": ENVIRONMENTS.replace("pinned", "floating")}, "x")
    found = judged(promoted.folder, base, "HEAD")
    assert {refusal.guard for refusal in found.refusals} == {"PR23"}
    assert found.verdict is not MergeVerdict.PASS
    assert NOW is not None


@pytest.mark.parametrize("text", ["{", "environments: 1\n", "- a\n", "\x00"])
def test_rules_that_cannot_be_read_are_refused(promoted: Promoted, text: str) -> None:
    base = git(promoted.folder, "rev-parse", "HEAD")
    commit(promoted.folder, {"environments.yaml": text}, "x")
    assert judged(promoted.folder, base, "HEAD").verdict is MergeVerdict.REFUSED


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        ("", "ab", ["baseline.yaml takes in 2 findings more"]),
        ("ab", "ac", ["baseline.yaml takes in 1 finding more"]),
        ("ab", "a", []),
        ("ab", "", []),
        ("ab", "ba", []),
    ],
    ids=["first", "swapped", "shrinks", "gone", "ordered"],
)
def test_a_baseline_that_grows_loosens_the_rules(
    before: str, after: str, sentences: list[str]
) -> None:
    baselines = frozenset(before), frozenset(after)
    assert loosened(change_of("baseline.yaml", baselines=baselines)) == sentences
