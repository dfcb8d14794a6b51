"""What every rule promises: its place in the registry, its page, its cases, the kinds it reads."""

from __future__ import annotations

import importlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

import rule_cases
import scaffold_rule
from meshgate import source
from meshgate.cli import docs
from meshgate.model import Resource, ResourceIndex
from meshgate.rules import RULES
from meshgate.rules.judge import judge
from meshgate.rules.pages import FAMILIES, HEADINGS, rule_pages
from meshgate.rules.rule import Needs, Phase, Rule
from places import REPOSITORY

MODULES = REPOSITORY / "scripts" / "meshgate" / "rules"
RULE_FILE = re.compile(r"(?P<id>[a-z]{2}\d{3})_(?P<name>\w+)")

# A name is the bad pattern and reads well after "allow"; these start an order instead.
# (`no-effect` is what the patch has, `not-enforced` what the policy is.)
FORBIDDEN_NAMES = re.compile(
    r"(?:no(?!-effect-|-default-)|not(?!-enforced-)|never|avoid|do-not|dont|disallow|forbid|deny|use|prefer|require|must|check|enforce"
    r"|ensure|allow|bad|invalid-use|valid)-.*|.*-check"
)
NAME = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def rule_files() -> dict[str, str]:
    """Module name by rule id, for every file that is named like a rule."""
    stems = [file.stem for file in sorted(MODULES.glob("*.py"))]
    return {match["id"].upper(): stem for stem in stems if (match := RULE_FILE.fullmatch(stem))}


def cases(rule: Rule) -> list[Path]:
    return [folder for folder in rule_cases.cases() if folder.parent.name == rule.id]


def test_every_module_is_registered() -> None:
    registered = [rule.id for rule in RULES]

    assert registered == sorted(rule_files())
    assert Counter(registered).most_common(1)[0][1] == 1
    assert Counter(rule.name for rule in RULES).most_common(1)[0][1] == 1
    assert {rule.id[:2] for rule in RULES} <= FAMILIES.keys()


def test_file_id_and_name_agree() -> None:
    for rule in RULES:
        stem = rule_files()[rule.id]

        assert stem == f"{rule.id.lower()}_{rule.name.replace('-', '_')}"
        assert importlib.import_module(f"meshgate.rules.{stem}").RULE is rule


def test_name_is_a_bad_pattern() -> None:
    for rule in RULES:
        assert NAME.fullmatch(rule.name)
        assert not FORBIDDEN_NAMES.fullmatch(rule.name)


@pytest.mark.parametrize("name", ["no-tls", "avoid-wildcards", "require-strict", "use-mtls"])
def test_forbidden_names_are_found(name: str) -> None:
    assert FORBIDDEN_NAMES.fullmatch(name)


def test_page_has_its_headings_in_order() -> None:
    for rule in RULES:
        lines = rule.documentation.splitlines()
        sections = [list(group) for _, group in itertools.groupby(lines, key=bool)]

        assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
        assert lines[0].endswith(".")
        # Under each heading stands some text, indented.
        for heading in HEADINGS:
            assert lines[lines.index(heading) + 1].startswith("    ")
        # Nothing but headings and the first sentence is flush left.
        assert all(line.startswith(" ") or line in HEADINGS for line in lines[1:] if line)
        assert sections


def test_texts_are_written() -> None:
    for rule in RULES:
        assert rule.summary.endswith(".")
        assert rule.fix
        assert not rule.fix.endswith(".")
        assert rule.needs is not rule.sharper_with
        assert rule.summary not in scaffold_rule.MODULE, "the scaffold's text is still there"


def test_what_is_asked_when() -> None:
    families = {
        phase: {rule.id[:2] for rule in RULES if rule.phase is phase}
        for phase in (Phase.CHANGE, Phase.WAIVER)
    }
    assert families == {Phase.CHANGE: {"TR"}, Phase.WAIVER: {"WA"}}
    # They read files that need not be built, and so the build record alone.
    sources = [rule for rule in RULES if rule.phase is Phase.SOURCE]
    read = {"SH001", "SH005", "SH006", "RE003", "RE006", "RE010", "RE011"}
    assert {rule.id for rule in sources} == read
    assert all(rule.needs is Needs.BUILD for rule in sources)


def test_what_can_never_be_waived() -> None:
    never = {rule.id for rule in RULES if not rule.waivable}

    # What the API server refuses, what is not reviewed here, and what waivers themselves promise.
    assert never == {"SH001", "SH002", "SH003", "SH004", "SH007", "RE006", "WA001"}


def test_there_are_failing_and_clean_cases() -> None:
    for rule in RULES:
        expected = [(folder / "expected.txt").read_text(encoding="utf-8") for folder in cases(rule)]

        assert any(expected), f"{rule.id} needs a case that fails"
        assert not all(expected), f"{rule.id} needs a case that is clean"


def test_every_case_has_a_rule() -> None:
    assert {folder.parent.name for folder in rule_cases.cases()} <= {rule.id for rule in RULES}


class Recording(ResourceIndex):
    """A ResourceIndex that remembers which kinds were asked for."""

    __slots__ = ("asked",)

    def __init__(self, resources: Iterable[Resource]) -> None:
        super().__init__(resources)
        self.asked: set[str] = set()

    def of(self, *kinds: str) -> Iterator[Resource]:
        self.asked.update(kinds)
        return super().of(*kinds)


@each_rule
@pytest.mark.sampled(every=2)
def test_declared_kinds_are_those_read(rule: Rule) -> None:
    read: set[str] = set()
    for folder in cases(rule):
        context = rule_cases.context_of(folder)
        recording = Recording(context.resources.all)
        judge(structs.replace(context, resources=recording), [rule], source.Locator(folder))
        read |= recording.asked

    # A rule that asks the mesh model reads no kinds itself; what it declares is what it judges.
    assert read == rule.kinds or (not read and Needs.INVENTORY in {rule.needs, rule.sharper_with})


def test_generated_pages_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", docs.HELP_COLUMNS)

    assert docs.stale(REPOSITORY, docs.pages()) == [], "run `nox -s docs`"


def test_pages_link_to_cases_that_exist() -> None:
    for name, text in rule_pages(RULES).items():
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (REPOSITORY / "docs" / "rules" / link).exists(), f"{name} links to {link}"


def test_scaffold_writes_a_whole_rule(tmp_path: Path) -> None:
    written = scaffold_rule.scaffold(tmp_path, "PA099", "odd-mode", "PeerAuthentication")

    assert [file.relative_to(tmp_path).as_posix() for file in written] == [
        "scripts/meshgate/rules/pa099_odd_mode.py",
        "tests/cases/PA099/failing/peerauthentication.yaml",
        "tests/cases/PA099/failing/expected.txt",
        "tests/cases/PA099/clean/peerauthentication.yaml",
        "tests/cases/PA099/clean/expected.txt",
    ]


@pytest.mark.parametrize("kind", sorted(scaffold_rule.KINDS))
def test_scaffolded_cases_are_true_from_the_start(tmp_path: Path, kind: str) -> None:
    scaffold_rule.scaffold(tmp_path, "PA099", "odd-mode", kind)
    module: dict[str, object] = {}
    file = tmp_path / "scripts" / "meshgate" / "rules" / "pa099_odd_mode.py"
    text = file.read_text(encoding="utf-8")
    exec(compile(text, "pa099_odd_mode.py", "exec"), module)
    rule = module["RULE"]
    assert isinstance(rule, Rule)

    for case in ("failing", "clean"):
        folder = tmp_path / "tests" / "cases" / "PA099" / case
        told = "".join(f"{line}\n" for line in rule_cases.told(folder, [rule]))
        assert told == (folder / "expected.txt").read_text(encoding="utf-8")
