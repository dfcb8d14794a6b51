"""What follows the first sections: changes, resources, the diff, commands, trailers, the hint."""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import rendered_folder
from meshgate.promotion.page.contents import LONG, SHORT, PageContents, WeakenedPort, cut, digest_of
from meshgate.promotion.records import DeletedPolicy, InputChange
from meshgate.report.budget import Section
from meshgate.report.escape.markdown import block, code, prose, raw_html
from meshgate.wording import plural

# The longest diff of one file that is shown, in lines: the rest is in the commit.
DIFF_LINES = 200
COMMIT = 10  # hex digits of a commit that people need
HINT = "meshgate-promotion"


def details(contents: PageContents) -> Iterator[Section]:
    """Everything below the first sections, what is needed most first."""
    yield changes(contents)
    yield resources(contents)
    yield untested(contents)
    yield differences(contents)
    yield diff(contents)
    yield commands(contents)
    yield trailers(contents)


def changes(contents: PageContents) -> Section:
    """The commits to the inputs, with their authors."""
    record = contents.record
    if not record.changes:
        return Section("")
    items = [_change(change) for change in record.changes]
    return Section(
        f"#### Changes: {plural(len(items), 'commit')} to the inputs\n\n",
        items,
        len(items),
        "\n",
        "- {} more\n",
    )


def resources(contents: PageContents) -> Section:
    """The files that come, change and go; what a deletion uncovers is named."""
    record = contents.record
    uncovered = {
        str(entry.get("resource")): entry
        for entry in (record.effects.deleted if record.effects else ())
    }
    items = [_deleted(entry) for entry in uncovered.values()]
    folder = rendered_folder(record.environment)
    items += [
        f"- {mark} {code(cut(path.removeprefix(folder), LONG // 2))}\n"
        for mark, paths in (
            (":heavy_minus_sign:", record.removed),
            ("~", record.changed),
            (":heavy_plus_sign:", record.added),
        )
        for path in paths
    ]
    if not items:
        return Section("")
    head = (
        f"#### Resources: {len(record.added)} added, {len(record.changed)} changed, "
        f"{len(record.removed)} removed\n\n"
    )
    return Section(head, items, len(items), "\n", "- {} more\n")


def untested(contents: PageContents) -> Section:
    """The effects that no environment before has seen."""
    record = contents.record
    never, seen = record.untested_below, record.exercised_below
    if not never:
        return Section("")
    items = [f"- {code(cut(effect, LONG // 2))}\n" for effect in never]
    head = (
        f"#### Not exercised below: {len(never)} of {plural(len(never) + len(seen), 'effect')}\n\n"
        "Overlays or inventories differ: these happen here for the first time.\n\n"
    )
    return Section(head, items, len(items), "\n", "- {} more\n")


def differences(contents: PageContents) -> Section:
    """What stays weaker here than in the environment before."""
    if not contents.differences:
        return Section("")
    ordered = sorted(contents.differences, key=lambda difference: bool(difference.declared))
    items = [_difference(difference) for difference in ordered]
    return Section(
        "#### Weaker than the environment before\n\n", items, len(items), "\n", "- {} more\n"
    )


def diff(contents: PageContents) -> Section:
    """What changes in the rendered files, folded, a file at a time."""
    items = [_folded(path, text) for path, text in sorted(contents.diffs.items())]
    if not items:
        return Section("")
    where = code(f"git diff {contents.base}... -- rendered/{contents.environment}")
    return Section(
        "#### Rendered diff\n\n", items, len(items), "\n", f"{{}} more files: {where}\n\n"
    )


def commands(contents: PageContents) -> Section:
    """How anybody gets the same bytes, and the way back."""
    record = contents.record
    if contents.is_stop:
        back = {Event.HOLD: f"meshgate resume {record.environment} --reason '...'"}
        if record.event not in back:
            return Section("")
        return Section("#### How to undo\n\n" + block([back[record.event]], "sh") + "\n\n")
    lines = [
        f"git fetch origin && git checkout {names.branch(record)}",
        f"meshgate check --base origin/{contents.base} --head HEAD",
    ]
    text = "#### How to reproduce\n\n" + block(lines, "sh") + "\n\n"
    if record.rollback_command:
        text += "#### How to roll back\n\n" + block([record.rollback_command], "sh") + "\n\n"
    return Section(text)


def trailers(contents: PageContents) -> Section:
    """The trailers of the commit, for whoever writes the message of a squash merge."""
    lines = names.trailers(contents.record, contents.state)
    return Section("<details><summary>Trailers</summary>\n\n" + block(lines) + "\n\n</details>\n\n")


def hint(contents: PageContents, page: str) -> str:
    """A comment nobody sees, read back only as a hint: the files are the truth."""
    record = contents.record
    value: JSONObject = {
        "version": 1,
        "environment": record.environment,
        "event": record.event.value,
        "release": record.release,
        "sequence": record.sequence,
        "record": record.path,
        "recordSha256": contents.state.record_sha256,
        "body": digest_of(page),
    }
    # A reader of HTML ends a comment at `--`, which JSON may write as an escape.
    text = json.dumps(value, sort_keys=True).replace("--", "\\u002d\\u002d").replace(">", "\\u003e")
    return f"<!-- {HINT} {text} -->\n"


def _change(change: InputChange) -> str:
    number = f" (#{change.pull_request})" if change.pull_request else ""
    # A squash merge has the number in its subject; here it is a link.
    subject_text = change.subject.removesuffix(number)
    people = ", ".join(
        prose(cut(name.partition(" <")[0], SHORT)) for name in (change.author, *change.co_authors)
    )
    subject = prose(cut(subject_text, LONG // 2))
    return f"- {code(change.sha[:COMMIT])} {subject}{number}, {people}\n"


def _deleted(entry: DeletedPolicy) -> str:
    name = code(cut(str(entry.get("resource", "")), LONG // 2))
    why = entry.get("uncovers")
    return f"- :wastebasket: {name}" + (f": {prose(cut(str(why)))}" if why else "") + "\n"


def _difference(difference: WeakenedPort) -> str:
    how = (
        f"declared: {prose(cut(difference.declared, LONG // 2))}"
        if difference.declared
        else ":warning: **declared by nobody**"
    )
    return f"- {prose(cut(difference.text, LONG // 2))} ({how})\n"


def _folded(path: str, text: str) -> str:
    lines = text.splitlines()
    plus = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    minus = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    rest = f"\n\n{len(lines) - DIFF_LINES} more lines" if len(lines) > DIFF_LINES else ""
    summary = f"{raw_html(cut(path, LONG // 2))} (+{plus} \u2212{minus})"
    return (
        f"<details><summary>{summary}</summary>\n\n"
        f"{block(lines[:DIFF_LINES], 'diff')}{rest}\n\n</details>\n\n"
    )
