"""What reads the same in several environments is shown once, with their names."""

from __future__ import annotations

from msgspec import structs

import promotion_samples as samples
from meshgate.effect import Change, Effect
from meshgate.model import Failure, Position, Report, Severity
from meshgate.report import FORMATS, Options
from meshgate.report.effect import FORMATS as EFFECT_FORMATS
from meshgate.report.effect import Compared, Diff
from meshgate.report.shared_findings import enumerated, shared_findings
from report_samples import rich

OPTIONS = Options(width=80)
NAMES = ("test", "next", "live")


def in_environments(*names: str) -> Report:
    """One finding of the sample in each of these environments, another one in the last alone."""
    first = next(each for each in rich().open if each.rule == "DR003")
    other = structs.replace(first, rule="PA001", message="stands alone", environment=names[-1])
    return Report((*(structs.replace(first, environment=name) for name in names), other))


def diff(effects: dict[str, Effect]) -> Diff:
    compared = [
        Compared(name, effect, lambda *_: None, lambda *_: None) for name, effect in effects.items()
    ]
    return Diff("a", "b", compared, Report(()))


def test_a_finding_of_several_environments_is_one_finding_with_their_names() -> None:
    report = in_environments(*NAMES)

    shared = shared_findings(report.findings)

    assert [each.environments for each in shared] == [NAMES, ("live",)]


def of_own_files(rule: str = "CA008", *, number: int = 1) -> Report:
    """Findings that stand in a file of each environment's own."""
    first = next(each for each in rich().open if each.rule == "DR003")
    return Report(
        tuple(
            structs.replace(
                first,
                rule=rule,
                environment=name,
                message=f"call {call} ends",
                fix=f"ask with --env {name}",
                source=Position(f"expectations/{name}.yaml", 10 * line + call, 5),
                related=(),
            )
            for line, name in enumerate(NAMES, 1)
            for call in range(number)
        )
    )


def test_what_stands_in_files_of_their_own_is_told_once_with_the_places() -> None:
    report = of_own_files()

    (shared,) = shared_findings(report.findings, across_files=True)
    text = FORMATS["text"](report, OPTIONS)

    assert shared.environments == NAMES
    assert [each.file for each in shared.elsewhere] == [
        "expectations/next.yaml",
        "expectations/live.yaml",
    ]
    assert "at:  also expectations/next.yaml:20:5, expectations/live.yaml:30:5" in text
    assert text.count("call 0 ends") == 1
    # A compiler's list has each place.
    assert FORMATS["concise"](report, OPTIONS).count("call 0 ends") == len(NAMES)
    other = structs.replace(report.findings[0], source=Position("expectations/all.yaml", 1, 1))
    assert len(shared_findings((other, *report.findings), across_files=True)) == 2


def test_of_many_calls_the_first_is_told_in_full() -> None:
    report = of_own_files(number=9)

    text = FORMATS["text"](report, OPTIONS)
    whole = FORMATS["text"](report, Options(width=80, follow_ups=True))

    assert "and 8 more of CA008:" in text
    assert "- expectations/test.yaml:14:5 call 4 ends" in text
    assert "4 more; --show-follow-ups tells each in full" in text
    assert (text.count("fix:"), whole.count("fix:")) == (1, 9)
    assert FORMATS["text"](of_own_files("PA001", number=9), OPTIONS).count("fix:") == 9


def test_what_fails_stands_before_what_is_a_note() -> None:
    first = of_own_files().findings
    note = structs.replace(first[0], severity=Severity.INFO, message="a note", source=None)
    notes = tuple(structs.replace(note, environment=name) for name in NAMES)

    text = FORMATS["text"](Report((*notes, first[-1])), OPTIONS)

    assert text.index("call 0 ends") < text.index("a note")


def test_text_has_one_heading_for_the_environments_that_share_findings() -> None:
    report = in_environments(*NAMES)

    lines = FORMATS["text"](report, OPTIONS).splitlines()

    assert [line.rstrip("-") for line in lines if line.endswith("---")] == [
        "test, next and live ",
        "live ",
    ]
    assert sum(" DR003 " in line for line in lines) == 1


def test_one_line_and_one_row_name_all_environments() -> None:
    report = in_environments(*NAMES)

    (line,) = (x for x in FORMATS["concise"](report, OPTIONS).splitlines() if "DR003" in x)
    (row,) = (x for x in FORMATS["markdown"](report, OPTIONS).splitlines() if "| `DR003`" in x)

    assert line.endswith("[test, next, live]")
    assert "`test, next and live`" in row


def test_an_effect_that_is_the_same_is_shown_once_and_what_breaks_stands_first() -> None:
    quiet = Effect(ports=samples.EFFECT.ports)
    change = diff({"test": quiet, "next": samples.EFFECT, "live": samples.EFFECT})

    text = EFFECT_FORMATS["text"]([change], OPTIONS)
    page = EFFECT_FORMATS["markdown"]([change], OPTIONS)

    headings = [line.split(" ---")[0] for line in text.splitlines() if line.endswith("---")]
    assert headings == ["next and live", "test"]
    closing = text[text.rindex(" -> ") :]
    assert closing.index("\ntest: ") < closing.index("\nnext and live: ")
    assert page.count("#### Breaks in `next` and `live`\n") == 1
    assert "**`next` and `live`**" in page


def test_no_good_news_stands_beside_what_breaks_or_loosens() -> None:
    change = diff({"live": samples.EFFECT})

    text = EFFECT_FORMATS["text"]([change], OPTIONS)
    headline = EFFECT_FORMATS["markdown"]([change], OPTIONS).splitlines()[0]

    assert "safe" not in text
    assert headline == "### :x: meshgate: 1 call would break, 1 port would loosen, in live"


def test_a_headline_tells_who_is_shut_out_where_nothing_is_worse() -> None:
    shut_out = tuple(each for each in samples.EFFECT.calls if each.change is Change.SHUT_OUT)
    count = sum(each.count for each in shut_out)
    change = diff({"live": Effect(calls=shut_out)})

    headline = EFFECT_FORMATS["markdown"]([change], OPTIONS).splitlines()[0]

    assert shut_out
    assert headline.endswith(f"meshgate: {count} calls would be shut out, in live")


def test_who_is_shut_out_is_named() -> None:
    calls = tuple(each for each in samples.EFFECT.calls if each.change is Change.BREAKS)

    text = EFFECT_FORMATS["text"]([diff({"live": Effect(calls=calls)})], Options(width=200))

    assert all(str(member) in text for each in calls for member in each.clients.members)


def test_of_many_environments_the_first_are_named_and_the_rest_counted() -> None:
    assert enumerated(["a"]) == "a"
    assert enumerated(map(str, range(10))) == "0, 1, 2, 3, 4, 5, 6 and 3 more"


def test_why_environments_are_not_judged_is_told_once() -> None:
    why = "policies/a.yaml:3:7: not valid YAML: it ends in a list"
    failures = (*(Failure(name, why) for name in NAMES), Failure("drill", "is empty"))
    report = Report((), failures=failures)

    for form in ("text", "concise", "markdown"):
        told = FORMATS[form](report, OPTIONS)
        assert told.count("not valid YAML") == 1
        assert "test, next and live" in told
        assert "drill" in told


def test_an_environment_of_two_findings_is_named_once() -> None:
    report = of_own_files(number=1)
    twice = Report(
        tuple(
            structs.replace(each, source=Position(each.source.file, line, 5))
            for each in report.findings
            for line in (1, 2)
            if each.source
        )
    )

    (shared,) = shared_findings(twice.findings, across_files=True)

    assert shared.environments == NAMES
    assert len(shared.elsewhere) == 5
