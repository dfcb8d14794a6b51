"""What is proposed for a repository: its environments, judged, and all that is missing at once."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct, convert, structs

from meshgate.adoption import argocd, flux, loose
from meshgate.adoption.candidates import CandidateAnswer, EnvironmentCandidate
from meshgate.adoption.contents import Contents
from meshgate.adoption.environments import environment_in, environment_name, usual_place
from meshgate.adoption.facts import Facts, facts
from meshgate.adoption.running import RunningOutside, outside
from meshgate.config import Configuration
from meshgate.errors import MeshgateError
from meshgate.mesh import Outcome
from meshgate.model import (
    MESH_KINDS,
    BaselineEntry,
    Environment,
    Expectation,
    Finding,
    Floor,
    MeshFacts,
    NamePatterns,
)
from meshgate.model.sources import ManifestSources
from meshgate.pipeline import Folder, Settings, judge
from meshgate.pipeline.baseline import taken
from meshgate.pipeline.judged import Judged
from meshgate.pipeline.whole_repository import of_nobody

DEFAULT = "default"
ANY = Floor(kinds=("*",))
# How many calls are proposed as expectations of an environment.
MOST_EXPECTED = 5


class Proposed(Struct, frozen=True):
    """One environment, as it is proposed, with what its sources are named by."""

    environment: Environment
    named_by: tuple[str, ...]
    expectations: tuple[Expectation, ...] = ()
    variables: tuple[str, ...] = ()


class Proposal(Struct, frozen=True):
    """All that is proposed, and all that is missing.

    broken    by what does not build, why
    unknown   what could not be told from files, one sentence each
    refused   findings that no baseline takes: they have to be mended
    outside   what may run in the environments, and is built by none
    """

    environments: tuple[Proposed, ...]
    baseline: tuple[BaselineEntry, ...]
    broken: dict[str, MeshgateError]
    unknown: tuple[str, ...]
    refused: tuple[Finding, ...]
    facts: Facts
    outside: tuple[RunningOutside, ...] = ()


def propose(
    contents: Contents, known: Configuration | None, settings: Settings, cache: Path | None
) -> Proposal:
    """Propose what environments.yaml does not have yet; None: there is none."""
    found = facts(contents.objects)
    mesh = convert(found.mesh, MeshFacts)
    every, unknown = _candidates(contents)
    named = set() if known is None else {p for e in known.environments for p in e.named_paths}
    fresh = [each for each in every if not named.issuperset(each.sources.named_paths[:1])]
    grouped = _grouped(fresh, unknown)
    taken_names = set() if known is None else {each.name for each in known.environments}
    files = Folder(contents.root, cache=cache)
    broken: dict[str, MeshgateError] = {}
    proposed = []
    for name, candidates in grouped.items():
        for suffix, sources, named_by in _sources(name, candidates):
            own = name + suffix
            if own in taken_names:
                unknown.append(
                    f"{' and '.join(sources.named_paths)} is in no environment, and {own} is "
                    "there: add it to the sources of that one"
                )
                continue
            patterns = _patterns(contents, name, sources)
            environment = Environment(
                name=own,
                **{key: getattr(sources, key) for key in structs.asdict(sources)},
                mesh=mesh,
                require=ANY,
                names=patterns,
            )
            built = _buildable(environment, files, settings, broken)
            if built is not None:
                proposed.append(Proposed(built, tuple(named_by)))
    proposed.sort(key=lambda each: (usual_place(each.environment.name), each.environment.name))
    proposed = _each_source_once(proposed, unknown)
    done, findings = _judged(contents, proposed, files, settings)
    unknown += (f"{name} was not read: {why}" for name, why in contents.unread.items())
    baseline = taken(findings)
    every_environment = [each.environment for each in done]
    if known is not None:
        every_environment += known.environments
    return Proposal(
        environments=tuple(done),
        baseline=baseline.entries,
        broken=broken,
        unknown=tuple(unknown),
        refused=baseline.refused,
        facts=found,
        outside=tuple(outside(contents, every_environment)),
    )


def narrowed(
    proposal: Proposal,
    names: Collection[str],
    contents: Contents,
    settings: Settings,
    cache: Path | None,
) -> Proposal:
    """The proposal with these environments alone, judged again.

    What comes after what, and the findings of today, follow from which environments there are.
    """
    left = [each for each in proposal.environments if each.environment.name in names]
    done, findings = _judged(contents, left, Folder(contents.root, cache=cache), settings)
    baseline = taken(findings)
    return structs.replace(
        proposal,
        environments=tuple(done),
        baseline=baseline.entries,
        refused=baseline.refused,
    )


def _each_source_once(proposed: Sequence[Proposed], unknown: list[str]) -> list[Proposed]:
    """Each source once: two environments that follow one folder are one under two names."""
    by_sources: dict[str, Proposed] = {}
    for each in proposed:
        own = each.environment
        first = by_sources.setdefault(own.sources, each).environment
        if first is not own:
            unknown.append(
                f"{own.name} is built from {own.source_title}, as {first.name} is, so that every "
                f"change reaches both at once: {first.name} stands for both. Add {own.name} with "
                "`mode: pinned` where promotion is to bring it there later"
            )
    return list(by_sources.values())


def _candidates(contents: Contents) -> tuple[list[EnvironmentCandidate], list[str]]:
    """What agents name, then what nobody names, each source once; and what is not known."""
    of_agents = [argocd.candidates(contents), flux.candidates(contents)]
    answers: list[CandidateAnswer] = [*of_agents, loose.candidates(contents)]
    claimed = {e.sources.named_paths[0] for answer in of_agents for e in answer.candidates}
    entries = set().union(*(answer.entries for answer in answers))
    every: dict[tuple[str, str], EnvironmentCandidate] = {}
    left_out = {folder: by for answer in answers for folder, by in answer.left_out.items()}
    unknown: dict[str, None] = {}
    for answer in answers:
        for each in answer.candidates:
            path = each.sources.named_paths[0]
            of_nobody = answer not in of_agents
            inside = any(path.startswith(f"{other}/") for other in claimed)
            if path in entries or (of_nobody and (path in claimed or inside)):
                continue
            by = next((own for f, own in left_out.items() if f"{path}/".startswith(f"{f}/")), "")
            if of_nobody and by:
                unknown[f"{path} is left out by {by}, and no environment is proposed for it"] = None
                continue
            every.setdefault((environment_in(each.texts), each.sources.sources), each)
    unknown |= dict.fromkeys(sentence for answer in answers for sentence in answer.unknown)
    return list(every.values()), list(unknown)


def _grouped(
    candidates: Sequence[EnvironmentCandidate], unknown: list[str]
) -> dict[str, list[EnvironmentCandidate]]:
    """By environment. Where none is told, all is one; else what tells none is left to people."""
    by_name: dict[str, list[EnvironmentCandidate]] = {}
    for each in candidates:
        by_name.setdefault(environment_in(each.texts), []).append(each)
    nameless = by_name.pop("", [])
    if by_name:
        unknown += (
            f"whose environment {each.sources.named_paths[0]} is ({each.named_by}): add it to the "
            "sources of the environments that have it"
            for each in nameless
        )
        return by_name
    usual = [each for each in nameless if each.sources.named_paths[0].endswith(f"/{DEFAULT}")]
    if any(loose.UNINCLUDED not in each.named_by for each in nameless):
        usual = []  # what an agent names is synced, whatever it is called
    return {DEFAULT: usual or nameless} if nameless else {}


def _sources(
    environment: str, candidates: Sequence[EnvironmentCandidate]
) -> list[tuple[str, ManifestSources, list[str]]]:
    """Sources of an environment: overlays as one, each chart and folder of manifests for itself.

    With each, what its name ends with where there are several.
    """
    overlays = sorted(each.sources.overlay for each in candidates if each.sources.overlay)
    result: list[tuple[str, ManifestSources, list[str]]] = []
    if overlays:
        named = [each.named_by for each in candidates if each.sources.overlay]
        together = (
            ManifestSources(overlay=overlays[0])
            if len(set(overlays)) == 1
            else ManifestSources(overlays=tuple(dict.fromkeys(overlays)))
        )
        result.append(("", together, named))
    others = [each for each in candidates if not each.sources.overlay]
    alone = not overlays and len(others) == 1
    names = itertools.count(1)
    used: set[str] = set()
    for each in others:
        stated = each.sources
        path = stated.helm.release if stated.helm else stated.named_paths[0]
        plain = not overlays and path.rpartition("/")[2] == environment and "" not in used
        last = "" if alone or plain else _beside(path, environment)
        suffix = f"-{last}" if last else "" if alone or plain else f"-{environment}"
        while suffix in used:
            suffix = f"-{last or environment}-{next(names) + 1}"
        used.add(suffix)
        result.append((suffix, stated, [each.named_by]))
    return result


def _beside(path: str, environment: str) -> str:
    """The last part of a path that says something else than the environment; empty: none does."""
    for part in reversed(path.split("/")):
        words = [word for word in environment_name(part).split("-") if word != environment]
        if words and environment_in([part]) in {"", environment}:
            return "-".join(words)
    return ""


def _patterns(contents: Contents, name: str, sources: ManifestSources) -> NamePatterns:
    """How names carry the environment, where a kustomization adds it to them."""
    tree = contents.trees.get(sources.overlay)
    own = tree.kustomizations.get(tree.start) if tree is not None else None
    value = own.value if own is not None else {}
    patterns = NamePatterns()
    if value.get("nameSuffix") == f"-{name}":
        patterns = structs.replace(patterns, name=f"{{name}}-{name}")
    if value.get("namePrefix") == f"{name}-":
        patterns = structs.replace(patterns, name=f"{name}-{{name}}")
    namespace = str(value.get("namespace") or "")
    if namespace.endswith(f"-{name}") and namespace != f"-{name}":
        patterns = structs.replace(patterns, namespace=f"{{name}}-{name}")
    return patterns


def _buildable(
    environment: Environment,
    files: Folder,
    settings: Settings,
    broken: dict[str, MeshgateError],
) -> Environment | None:
    """The environment without the sources that do not build; None: nothing is left."""
    failure = _tried(environment, files, settings)
    if failure is None:
        return environment
    if not environment.overlays:
        broken[f"{environment.name}: {environment.source_title}"] = failure
        return None
    left = []
    for overlay in environment.overlays:
        alone = structs.replace(environment, overlay=overlay, overlays=None)
        error = _tried(alone, files, settings)
        if error is None:
            left.append(overlay)
        else:
            broken[f"{environment.name}: {overlay}"] = error
    if not left:
        return None
    if len(left) == 1:
        return structs.replace(environment, overlay=left[0], overlays=None)
    return structs.replace(environment, overlays=tuple(left))


def _tried(environment: Environment, files: Folder, settings: Settings) -> MeshgateError | None:
    return judge([environment], files, settings)[environment.name].failure


def _judged(
    contents: Contents, proposed: Sequence[Proposed], files: Folder, settings: Settings
) -> tuple[list[Proposed], list[Finding]]:
    """What is proposed, with what is said of its environments together."""
    chained = _chained([each.environment for each in proposed])
    judged = judge(chained, files, settings)
    done: list[Proposed] = []
    findings: list[Finding] = []
    for each, environment in zip(proposed, chained, strict=True):
        one = judged[environment.name]
        if one.context is None:
            continue
        findings += one.findings
        variables = sorted({name for _, names in one.context.unresolved for name in names})
        kinds = {(r.kind, r.group) for r in one.context.rendered}
        policies_only = all(MESH_KINDS.get(kind) == group for kind, group in kinds)
        floor = Floor() if policies_only else environment.require
        own = structs.replace(environment, require=floor)
        done.append(Proposed(own, each.named_by, _expected(one), tuple(variables)))
    whole = Configuration(environments=tuple(each.environment for each in done))
    if done:
        findings += of_nobody(contents.root, whole, files, settings)
    return done, findings


def _chained(environments: Sequence[Environment]) -> list[Environment]:
    """Each environment after those of the rank before it, of the same kind of sources."""
    chained: list[Environment] = []
    for each in environments:
        suffix = each.name.partition("-")[2]
        before = [
            other
            for other in chained
            if usual_place(other.name) < usual_place(each.name)
            and other.name.partition("-")[2] == suffix
        ]
        highest = max((usual_place(other.name) for other in before), default=0)
        after = tuple(other.name for other in before if usual_place(other.name) == highest)
        chained.append(structs.replace(each, order=after))
    return chained


def _expected(judged: Judged) -> tuple[Expectation, ...]:
    """Calls that are mutual TLS today, one for each host, for people to keep."""
    mesh = judged.require_context().mesh
    if mesh is None:
        return ()
    expected: dict[str, Expectation] = {}
    for call in mesh.calls():
        if len(expected) >= MOST_EXPECTED:
            break
        if call.outcome is not Outcome.OK_MTLS or call.detour:
            continue
        if call.client.name != call.service.name:
            host = f"{call.service.host}:{call.port.number}"
            client = f"{call.client.namespace}/{call.client.name}"
            expected.setdefault(host, Expectation(client=client, to=host, outcome="ok-mtls"))
    return tuple(expected.values())
