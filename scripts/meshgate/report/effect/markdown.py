"""The effect of a change as a comment on a pull request: what reviewers must see comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshgate.effect import BREAKING, CallChange, Change, Strength, describe
from meshgate.effect.grouping import call_lines, port_lines, unsafe_lines
from meshgate.model import Severity
from meshgate.report import Options, observed
from meshgate.report import markdown as findings
from meshgate.report.budget import FIRST, LIMITS, Section, fit, size
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.escape.markdown import cell_code, code, prose, row
from meshgate.report.markdown import CLEAN, MARKS, SHORT, cut, folded, item, not_judged
from meshgate.report.shared_findings import enumerated, shared_failures, shared_findings
from meshgate.wording import agree, plural

PORTS = ("", "ports", "before", "after", "decided by")
CALLS = ("", "calls", "of", "to", "before", "after")
# How many environments have a sentence of their own.
FEW = 8
MARK = {
    Change.BREAKS: ":x:",
    Change.LED_AWAY: ":x:",
    Change.EXPOSED: ":unlock:",
    Change.OPENED: ":unlock:",
    Change.ENCRYPTED: ":lock:",
}


def render(diff: Diff, _options: Options, *, limit: int = LIMITS["github"]) -> str:
    """The page, within `limit` characters; verdicts, breaks and first effects within 3,500."""
    first = fit(_opening(diff), min(limit, FIRST))
    return first + fit(_details(diff), limit - size(first))


def _opening(diff: Diff) -> Iterator[Section]:
    """What is seen without a click."""
    yield Section(f"### {_mark(diff)} meshgate: {prose(cut(_heading(diff), SHORT))}\n\n")
    failures = ((each.environment, each.message) for each in diff.report.failures)
    for message, failed in shared_failures(failures).items():
        why = "<br>".join(prose(cut(line, SHORT)) for line in message.splitlines())
        yield Section(f"**{not_judged(failed)}.** {why}\n\n")
    yield _verdicts(diff.environments)
    for note in diff.report.notes:
        yield Section(f"Note: {prose(cut(note))}\n\n")
    for names, rows in _alike(diff.environments, _breaks):
        yield _table(f"#### Breaks in {names}", CALLS, rows)
    for names, rows in _alike(diff.environments, _unsafe):
        yield _listed(f"#### The way there is unsafe in {names}", rows)
    for names, rows in _alike(diff.environments, _ports):
        yield _table(f"#### Ports in {names}", PORTS, rows)
    for names, rows in _alike(diff.environments, _other_calls):
        yield _table(f"#### Calls in {names}", CALLS, rows)
    for names, rows in _alike(diff.environments, _access):
        yield _listed(f"#### Let in or denied by policies in {names}", rows)


def _alike(
    environments: Sequence[Compared], rows_of: Callable[[Compared], Iterator[str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    """The rows of environments that have some: once for all in which they read the same."""
    groups: dict[tuple[str, ...], list[Compared]] = {}
    for each in environments:
        groups.setdefault(tuple(rows_of(each)), []).append(each)
    return ((enumerated(map(_name, alike)), rows) for rows, alike in groups.items() if rows)


def _verdicts(environments: Sequence[Compared]) -> Section:
    """A sentence for each environment, or for the first that change where they are many."""
    sentences: dict[str, list[Compared]] = {}
    for each in sorted(environments, key=lambda each: each.effect.is_empty):
        sentence = f"{prose(describe.verdict(each.effect))}\n"
        sentences.setdefault(f"{_sign(each)} {sentence}", []).append(each)
    items = []
    for text, alike in list(sentences.items())[:FEW]:
        sign, sentence = text.split(" ", 1)
        items.append(f"- {sign} **{enumerated(map(_name, alike))}** {sentence}")
    rest = sum(map(len, list(sentences.values())[FEW:]))
    return Section(
        "".join(items)
        + (f"- {rest} more {agree(rest, 'environment', 'environments')}\n" if rest else "")
        + "\n"
    )


def _details(diff: Diff) -> Iterator[Section]:
    """What opens with a click: what is not known, what is new, the findings in full."""
    by_text: dict[tuple[str, ...], list[str]] = {}
    for each in diff.environments:
        effect = each.effect
        if each.seen is not None:
            yield Section(observed.markdown(*each.seen) + "\n")
        for title, texts in (
            ("not decidable", [describe.open_end(x) for x in effect.undecided]),
            ("uncovered by what is deleted", [describe.uncovered(x) for x in effect.uncovered]),
            ("not exercised before", [describe.unexercised(x) for x in effect.unexercised]),
        ):
            if texts:
                by_text.setdefault((title, *texts), []).append(each.environment)
    for (title, *texts), names in by_text.items():
        items = (f"- {prose(cut(text))}\n" for text in texts)
        yield folded(f"{enumerated(names)}: {len(texts)} {title}", items, len(texts))
    shown = findings.gravest(diff.report.open)
    if alike := shared_findings(shown, across_files=True):
        items = (item(diff.report, each.finding, each.environments) for each in alike)
        yield folded(plural(len(shown), "finding"), items, len(alike))
    yield Section(f"Compared: {code(diff.base)} with {code(diff.head)}\n")


def _ports(each: Compared) -> Iterator[str]:
    for line in port_lines(each.effect.ports):
        yield row(
            [
                ":unlock:" if line.first.change is Strength.LOOSENED else ":lock:",
                cell_code(cut(describe.ports_of(line), SHORT)),
                prose(describe.mode(line.first.before)),
                prose(describe.mode(line.first.after)),
                prose(cut(describe.decider(line.first.after), SHORT)),
            ]
        )


def _breaks(each: Compared) -> Iterator[str]:
    return _calls(each, each.effect.breaks)


def _other_calls(each: Compared) -> Iterator[str]:
    return _calls(each, (x for x in each.effect.calls if x.change not in BREAKING))


def _calls(each: Compared, changes: Iterable[CallChange]) -> Iterator[str]:
    for line in call_lines(changes):
        yield row(
            [
                MARK.get(Change(line.change), ""),
                f"{line.count:,} {describe.change(line)}",
                prose(cut(describe.who(line, each.effect.clients), SHORT)),
                cell_code(cut(describe.where(line), SHORT)),
                *map(prose, describe.outcomes(line)),
            ]
        )


def _access(each: Compared) -> Iterator[str]:
    """Which requests policies let in or deny now, each with an example."""
    for sentence in describe.access_sentences(each.effect):
        yield prose(cut(sentence.text))


def _unsafe(each: Compared) -> Iterator[str]:
    for line in unsafe_lines(each.effect.unsafe):
        yield (
            f"{line.count:,} of {prose(cut(describe.who(line, each.effect.clients), SHORT))} to "
            f"{code(cut(describe.where(line), SHORT))} {prose(describe.unsafe(line))}"
        )


def _listed(title: str, texts: Sequence[str]) -> Section:
    items = (f"- {text}\n" for text in texts)
    return Section(f"{title}\n\n", items, len(texts), "\n", "- {} more\n")


def _table(title: str, columns: Sequence[str], rows: Sequence[str]) -> Section:
    head = f"{title}\n\n{row(columns)}\n{row(['---'] * len(columns))}\n"
    rest = "| | {} more |" + " |" * (len(columns) - 2) + "\n"
    return Section(head, (f"{each}\n" for each in rows), len(rows), "\n", rest)


def _name(each: Compared) -> str:
    return code(cut(each.environment, SHORT))


def _mark(diff: Diff) -> str:
    signs = {_sign(each) for each in diff.environments}
    if diff.report.failures or MARKS[Severity.ERROR] in signs or not diff.environments:
        return MARKS[Severity.ERROR]
    return MARKS[Severity.WARNING] if MARKS[Severity.WARNING] in signs else CLEAN


def _sign(each: Compared) -> str:
    gravity = describe.gravity(each.effect)
    return CLEAN if gravity is None else MARKS[gravity]


def _heading(diff: Diff) -> str:
    changed = [each for each in diff.environments if not each.effect.is_empty]
    if not diff.environments:
        return "nothing was compared"
    if not changed:
        proven = any(each.effect.is_proven for each in diff.environments)
        return f"{describe.NO_EFFECT}: {describe.PROVEN}" if proven else describe.NO_EFFECT
    named = enumerated(each.environment for each in changed)
    loosened = sum(len(each.effect.loosened) for each in changed)
    worst = [
        *_calls_would(changed, *BREAKING),
        *_would(loosened, "port", describe.PORT_VERBS[Strength.LOOSENED]),
        *_calls_would(changed, Change.EXPOSED, Change.OPENED),
    ]
    # It is what STRICT is for, and no good news all the same.
    worst = worst or _calls_would(changed, Change.SHUT_OUT)
    safe = all(each.effect.is_safe for each in changed)
    way = f"the way there is {'safe' if safe else 'unsafe'}"
    # A way that is safe is no news beside what the change does once it is there.
    parts = worst or [describe.NO_BREAK]
    if not diff.is_drift and not (worst and safe):
        parts.append(way)
    return f"{', '.join(parts)}, in {named}" if worst else f"changes {named}: {', '.join(parts)}"


def _calls_would(changed: Sequence[Compared], *changes: Change) -> list[str]:
    """`2 calls would break`, for each of these changes that there is."""
    return [
        text
        for change in changes
        for count in [sum(x.count for each in changed for x in each.effect.of(change))]
        for text in _would(count, "call", describe.VERBS[change])
    ]


def _would(count: int, noun: str, verb: describe.Verb) -> list[str]:
    would = f"{describe.WOULD}{describe.infinitive(verb)}"
    return [f"{plural(count, noun)} {would}"] if count else []
