"""What a pull request changes of the rules themselves is approved by those who own them.

Judged of every pull request, also of one that promotes nothing: a rule that is loosened first makes
the next pull request pass. What is not known to tighten a rule counts as loosening it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from meshgate.model import JSON, MESH_KINDS, JSONObject
from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.files import DELETED, FileChange
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import approvals
from meshgate.wording import plural

ENVIRONMENTS = "environments.yaml"
BASELINE = "baseline.yaml"
FOLDERS = ("waivers/", "inventory/", "expectations/", "evidence/", "schemas/", "scripts/", "sync/")
# What runs without being named: pipelines of whatever forge and tool (`.github/`, `.drone.yml`,
# `.envrc`) begin with a dot at the root; programs, their settings and their locks lie there, and a
# module of Python anywhere may stand in the place of another one.
HIDDEN = "."
PROGRAMS = frozenset(
    [
        *("jenkinsfile", "makefile", "gnumakefile", "justfile", "dockerfile", "containerfile"),
        *("vagrantfile", "procfile", "tiltfile", "earthfile", "codeowners", "pipfile", "gemfile"),
        *("azure-pipelines", "bitbucket-pipelines", "cloudbuild", "buildspec", "appveyor"),
        *("taskfile", "action", "codefresh", "skaffold", "docker-compose", "compose"),
    ]
)
SETTINGS = frozenset(
    [
        *(".py", ".pyi", ".pyx", ".pth", ".so", ".toml", ".cfg", ".ini", ".txt", ".in", ".lock"),
        *(".sh", ".bash", ".js", ".mjs", ".cjs", ".ts", ".nix", ".hcl", ".tf", ".bat", ".ps1"),
        *(".mk", ".groovy", ".jsonnet", ".json", ".rb", ".pl", ".whl", ".egg", ".zip", ".pex"),
    ]
)
MODULES = (".py", ".pyi", ".pyx", ".pth", ".so", ".egg-link")
# They are run by what is asked of a pull request itself, and by nothing that judges.
TESTS = "tests/"
FILES = frozenset(["docs/gitlab-ci.yml", "docs/gitlab-lint.yml", "docs/codeowners"])
# Git and meshgate read them in every folder.
NAMES = frozenset([".sourceignore", ".gitattributes", ".gitmodules"])
# Argo CD merges it into the source of what it builds in that folder.
OF_ARGO = ".argocd-"
# What only accepts or permits: without it there is less that is permitted.
PERMITS = ("waivers/",)
OWNERS = "approvals.rules.teams"
MODES = ("DISABLE", "PERMISSIVE", "STRICT")
ABSENT = "nothing"
SHOWN = 200


class RuleChange(Struct, frozen=True):
    """What a pull request changes, and who may agree to a looser rule.

    before, after  environments.yaml with its defaults merged; empty: there is none
    signers        files of allowed signers that the base names
    teams          for each environment that names them, those of which one must agree
    reviews        what the forge says; None: it is not asked
    baselines      fingerprints of the baseline, before and after
    """

    changed: tuple[FileChange, ...]
    before: JSONObject
    after: JSONObject
    signers: tuple[str, ...] = ()
    teams: tuple[tuple[str, ...], ...] = ()
    reviews: Reviews | None = None
    baselines: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def is_rule(path: str, signers: Iterable[str] = ()) -> bool:
    """Whether a file decides how anything is judged, built, run or synced.

    Whatever a name is written like: some file systems make no difference.
    """
    lowered = path.lower()
    folder, _, name = lowered.rpartition("/")
    _, dot, suffix = name.rpartition(".")
    at_root = not folder and (
        name.partition(".")[0] in PROGRAMS or (dot and f".{suffix}" in SETTINGS)
    )
    return (
        lowered in {ENVIRONMENTS, BASELINE}
        or lowered in FILES
        # A link may stand in the place of a folder.
        or f"{lowered}/".startswith((HIDDEN, *FOLDERS))
        or name in NAMES
        or name.startswith(OF_ARGO)
        or bool(at_root)
        or (name.endswith(MODULES) and not lowered.startswith(TESTS))
        or path in set(signers)
    )


def loosened(change: RuleChange) -> list[str]:
    """What gets looser, or may, in plain words; empty: nothing does."""
    sentences = [
        f"{file.path} is {file.kind}"
        for file in change.changed
        if file.path not in {ENVIRONMENTS, BASELINE}
        and is_rule(file.path, change.signers)
        and not (file.kind == DELETED and file.path.startswith(PERMITS))
    ]
    before, after = change.baselines
    if more := after - before:
        sentences.append(f"{BASELINE} takes in {plural(len(more), 'finding')} more")
    if any(file.path == ENVIRONMENTS for file in change.changed):
        sentences += environments_loosened(change.before, change.after)
    return sentences


def environments_loosened(before: JSONObject, after: JSONObject) -> Iterator[str]:
    """The same of environments.yaml. An environment that is renamed is one that goes."""
    old, new = _by_name(before), _by_name(after)
    # Beside an owner another one is one more who must agree; the first names themselves.
    owned = any(_at(entry, OWNERS) for entry in old.values())
    for name, entry in old.items():
        if name not in new:
            yield f"the environment {name} is dropped or renamed"
            continue
        for place, was, becomes in _differences("", entry, new[name]):
            joins = owned and place == OWNERS and was is None
            if not joins and not _tightens(place, was, becomes):
                yield f"{name}: {place} goes from {_shown(was)} to {_shown(becomes)}"
    rest = [key for key in {**before, **after} if key not in {"environments", "defaults"}]
    for key in sorted(rest):
        was, becomes = before.get(key), after.get(key)
        if was != becomes and not (key == "paused" and was is None):
            yield f"{key} goes from {_shown(was)} to {_shown(becomes)}"


def _at(entry: JSONObject, place: str) -> JSON:
    value: JSON = entry
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _by_name(document: JSONObject) -> dict[str, JSONObject]:
    entries = document.get("environments")
    entries = entries if isinstance(entries, list) else []
    return {str(entry["name"]): entry for entry in entries if isinstance(entry, dict)}


def _differences(place: str, was: JSON, becomes: JSON) -> Iterator[tuple[str, JSON, JSON]]:
    if {type(was), type(becomes)} <= {dict, type(None)}:
        was, becomes = was or {}, becomes or {}
        for key in sorted(was.keys() | becomes.keys()):
            below = f"{place}.{key}" if place else str(key)
            yield from _differences(below, was.get(key), becomes.get(key))
    elif was != becomes or type(was) is not type(becomes):
        yield place, was, becomes


def _is_higher(was: JSON, becomes: JSON) -> bool:
    # Absent is STRICT.
    both = (was or "STRICT", becomes or "STRICT")
    modes = [MODES.index(mode) for mode in both if mode in MODES]
    return len(modes) == len(both) and modes == sorted(modes)


# The keys of an environment that a change may tighten, each with what tells it.
TIGHTENS: dict[str, Callable[[JSON, JSON], bool]] = {
    "require.mtls": _is_higher,
    "require.authorization": lambda _, becomes: becomes == "default-deny",
    "require.newAccess": lambda _, becomes: becomes == "reviewed",
    "require.undecided": lambda _, becomes: becomes == "refused",
    "require.kinds": lambda was, becomes: (
        set(MESH_KINDS if becomes is None else becomes) <= set(MESH_KINDS if was is None else was)
    ),
    "gates": lambda was, becomes: becomes is not None and set(was or ()) <= set(becomes),
    "approvals.count": lambda was, becomes: isinstance(becomes, int) and becomes >= (was or 0),
    "signatures.allowedSigners": lambda was, _: was is None,
}


def _tightens(place: str, was: JSON, becomes: JSON) -> bool:
    """Whether a change of one key can only refuse more."""
    return place in TIGHTENS and TIGHTENS[place](was, becomes)


def _shown(value: JSON) -> str:
    if value is None:
        return ABSENT
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def rules_are_agreed(change: RuleChange) -> Iterator[Objection]:
    """Ask of a pull request that is no promotion, who agrees to the rules it loosens."""
    sentences = loosened(change)
    if not sentences:
        return
    missing = [teams for teams in change.teams if not agreed(change.reviews, teams)]
    if change.teams and not missing:
        return
    who = " and ".join(" or ".join(teams) for teams in missing)
    what = plural(len(sentences), "change") + " of rules"
    yield Objection(
        f"{what}: needs approval of {who or 'a team, and none is named'}",
        "" if change.teams else "name one in `approvals.rules.teams` of environments.yaml",
        waits=True,
        details=tuple(sentences),
    )


def agreed(reviews: Reviews | None, teams: tuple[str, ...]) -> bool:
    """Whether somebody else of these teams approved exactly the head commit."""
    if reviews is None or reviews.pull_request.auto_merge:
        return False
    return any(
        review.login != reviews.pull_request.author and set(review.teams) & set(teams)
        for review in approvals(reviews)
    )


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask of a promotion that it changes no rule."""
    for change in candidate.changed:
        if is_rule(change.path, filter(None, [candidate.policy.allowed_signers])):
            yield Objection(
                f"{change.path} is {change.kind}: a rule is changed by a pull request of its own",
                "take it out of the promotion",
            )


GUARD = Guard(
    id="PR23",
    name="loosens-rules",
    summary="a pull request changes the rules themselves, or promotes what only rules that were "
    "loosened let pass, and nobody of `approvals.rules` agreed to that",
    why="A floor that is lowered first lets the next pull request pass: two steps must not do what "
    "one may not. So a promotion is judged by the rules of the base, and again by those before "
    "each change of them that nobody agreed to.",
    hint="ask a member of `approvals.rules.teams` for a review of the head commit",
    status="scope",
    check=check,
    follows_rules=False,
    awaits="approval of changed rules",
)
