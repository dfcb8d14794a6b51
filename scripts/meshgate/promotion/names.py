"""What promotion calls things: branches, titles, labels, trailers, tags, commit messages."""

from __future__ import annotations

from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.recorded_effects import count_calls
from meshgate.promotion.records import PromotionRecord
from meshgate.report.escape.visible import visible
from meshgate.wording import plural

# The longest reason in a title, in characters.
LONG_SUBJECT = 72
# How many subjects of input commits a message repeats.
SUBJECTS = 20

PROMOTION = "promotion"
SUPERSEDED = "superseded"
LOOSENS = "risk/loosens"
OPENS = "risk/opens"
BREAKS = "risk/breaks"


def branch(record: PromotionRecord) -> str:
    """The branch of a record's pull request: fixed by what it does, so that a rerun finds it."""
    if record.event in {Event.PROMOTE, Event.HOTFIX}:
        return f"promote/{record.environment}/{record.release}"
    if record.event is Event.ROLLBACK:
        return f"rollback/{record.environment}/{record.release}-{record.sequence}"
    return f"{record.event}/{record.environment}/{record.sequence}"


def prefixes(environment: str) -> tuple[str, ...]:
    """Where the branches of an environment's pull requests start."""
    return tuple(f"{event}/{environment}/" for event in Event if event is not Event.HOTFIX)


def is_promotion_branch(name: str) -> bool:
    """Whether a branch has the form of one that promotion makes."""
    kind, _, rest = name.partition("/")
    return kind in set(Event) and "/" in rest


def title(record: PromotionRecord) -> str:
    """The pull request's title, and the subject of its commit."""
    start = f"{record.event}({record.environment}): "
    if not record.event.changes_render:
        return visible(start + _shortened(record.reason))
    what = record.alias if record.event is not Event.ROLLBACK else f"back to {record.alias}"
    if record.effects is None:
        return visible(f"{start}{what}")
    effects = record.effects
    return visible(
        f"{start}{what} \u2014 {len(effects.tightened)} tightened, "
        f"{len(effects.loosened)} loosened, {plural(count_calls(effects.breaks), 'break')}"
        + (f", {count_calls(effects.opened):,} opened" if effects.opened else "")
    )


def labels(record: PromotionRecord) -> tuple[str, ...]:
    """The pull request's labels."""
    listed = [PROMOTION, f"env/{record.environment}", f"event/{record.event}"]
    if record.effects is not None and record.effects.loosened:
        listed.append(LOOSENS)
    if record.effects is not None and record.effects.opened:
        listed.append(OPENS)
    if record.effects is not None and record.effects.breaks:
        listed.append(BREAKS)
    return tuple(listed)


def tag(environment: str, sequence: int) -> str:
    """The annotated tag of a merged record."""
    return f"env/{environment}/{sequence:04d}"


def release_tag(release: str) -> str:
    """The tag that keeps a release's source commit alive."""
    return f"release/{release}"


def message(record: PromotionRecord, state: EnvironmentState) -> str:
    """The commit's message: what changes, whose changes these are, trailers as an index."""
    parts = [title(record)]
    if record.reason and record.event.changes_render:
        parts.append(visible(record.reason))
    if record.changes:
        shown = [f"* {visible(change.subject)}" for change in record.changes[:SUBJECTS]]
        if len(record.changes) > SUBJECTS:
            shown.append(f"* {len(record.changes) - SUBJECTS} more")
        parts.append("\n".join(shown))
    parts.append("\n".join(trailers(record, state)))
    return "\n\n".join(parts) + "\n"


def trailers(record: PromotionRecord, state: EnvironmentState) -> list[str]:
    """The trailers of a commit. They are an index for people: the files are the truth."""
    listed = [
        ("Promotion-Env", record.environment),
        ("Promotion-Event", record.event.value),
        ("Promotion-Release", record.release),
        ("Promotion-Sequence", str(record.sequence)),
        ("Promotion-From", record.previous.release if record.previous else ""),
        ("Promotion-Source-Commit", record.source.commit),
        ("Promotion-Rendered-Tree", record.rendered.tree),
        ("Promotion-Record-Sha256", state.record_sha256),
        *(("Promotion-Bypass", f"{bypass.gate} by {bypass.by}") for bypass in record.bypasses),
        ("Promotion-Reason", record.reason),
        *(("Co-authored-by", author) for author in _authors(record)),
    ]
    return [f"{key}: {visible(value)}" for key, value in listed if value]


def _authors(record: PromotionRecord) -> list[str]:
    """Those of the inputs that change whose address is known, each once."""
    named = (name for change in record.changes for name in (change.author, *change.co_authors))
    return [name for name in dict.fromkeys(named) if "<" in name]


def _shortened(text: str) -> str:
    return text if len(text) <= LONG_SUBJECT else text[: LONG_SUBJECT - 3] + "..."
