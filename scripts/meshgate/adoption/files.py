"""The files that are proposed, as texts; what is there already is shown as a patch."""

from __future__ import annotations

import configparser
import difflib
import json
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from meshgate import source
from meshgate.adoption.contents import Contents
from meshgate.adoption.proposal import Proposal, Proposed
from meshgate.errors import BuildError
from meshgate.model import JSONObject
from meshgate.model.sources import SOURCE_KEYS
from meshgate.pipeline.baseline import text_of
from meshgate.source import dump_value
from meshgate.source.program import EXPECTED
from meshgate.tools import pinned
from meshgate.yamldoc.files import read_inside

ENVIRONMENTS, BASELINE = "environments.yaml", "baseline.yaml"
TOOLCHAIN = "promotion/toolchain.yaml"
HEAD = """\
# What meshgate judges: every environment, what it is built from, and what its mesh is like.
# The page "environments.yaml" of meshgate's manual tells every key.
"""
WAIVERS = """\
# Findings that are accepted for a while. An entry looks like this:
#
#   - rule: PA002
#     resource: PeerAuthentication/shop/cart-metrics
#     owner: team-shop
#     reason: Prometheus has no sidecar yet.
#     expires: 2027-01-31
waivers: []
"""
EXPECTATIONS = """\
# The tests of your policies: calls that must work, and calls that must not. These work today.
#
#   - from: shop/web
#     to: cart.shop.svc.cluster.local:80
#     outcome: ok-mtls
"""
IGNORED = "# The page that `meshgate report` writes.\n/report.html\n"
OWNED = (
    ENVIRONMENTS,
    BASELINE,
    "waivers/",
    "expectations/",
    "inventory/",
    "promotion/",
    "rendered/",
)
OWNER = "@your-platform-team"
# Builds the pinned Helm, which charts are rendered with, and fetches Go where there is none.
HELM = "python -m meshgate.tools helm"
FORGES = ("github", "gitlab", "gitea", "forgejo")


class RepositoryFile(Struct, frozen=True):
    """One file: its text; `patch` shows the change where it is there already."""

    path: str
    text: str
    patch: str = ""


def files(
    contents: Contents, proposal: Proposal, requirement: str, words: str
) -> list[RepositoryFile]:
    """What to write, and what to show. `requirement`: what pip is given in CI."""
    made = dict(_texts(contents, proposal, requirement, words))
    result = []
    for path, text in made.items():
        old = _old(contents.root, path)
        if old is None:
            result.append(RepositoryFile(path, text))
        elif path in {ENVIRONMENTS, ".gitignore", ".gitlab-ci.yml", *_owners_paths()}:
            new = _appended(old, text) if path.endswith(".yml") else _added(old, text)
            if new != old:
                result.append(RepositoryFile(path, new, _patch(path, old, new)))
    return result


def _texts(
    contents: Contents, proposal: Proposal, requirement: str, words: str
) -> Iterator[tuple[str, str]]:
    if proposal.environments:
        there = _old(contents.root, ENVIRONMENTS) is not None
        yield ENVIRONMENTS, environments_text(proposal, added=there)
    if proposal.baseline:
        yield BASELINE, text_of(proposal.baseline)
    for each in proposal.environments:
        name = each.environment.name
        yield f"waivers/{name}.yaml", WAIVERS
        yield f"expectations/{name}.yaml", _expectations(each)
    charts = any(each.environment.helm is not None for each in proposal.environments)
    yield TOOLCHAIN, toolchain(charts=charts)
    forge = forge_of(contents.root)
    if forge == "gitlab":
        yield ".gitlab-ci.yml", _gitlab(requirement, words, charts=charts)
    else:
        yield f".{forge}/workflows/meshgate.yml", _workflow(requirement, words, charts=charts)
    yield (
        _owners_path(contents.root),
        "".join(f"/{path} {OWNER}\n" for path in _owned(contents, proposal)),
    )
    yield ".gitignore", IGNORED


def environments_text(proposal: Proposal, *, added: bool = False) -> str:
    """environments.yaml, or the entries to add to one that is there."""
    mesh = proposal.facts.mesh
    lines = [] if added else [HEAD.rstrip()]
    # What all environments share is said once.
    if mesh and not added:
        lines += ["defaults:", "  mesh:"]
        for key, value in mesh.items():
            lines.append(f"    {key}: {json.dumps(value)}  # {_plain(proposal.facts.told_by[key])}")
    if not added:
        lines.append("environments:")
    for each in proposal.environments:
        lines += _entry(each)
    if not added:
        for name, error in proposal.broken.items():
            lines.append(f"# Does not build, and is left out: {_plain(name)}")
            lines += (f"#   {_plain(line)}" for line in str(error).splitlines())
    return "\n".join(lines) + "\n"


def _entry(proposed: Proposed) -> Iterator[str]:
    environment = proposed.environment
    for name in proposed.named_by:
        yield f"  # {_plain(name)}"
    value: JSONObject = {"name": environment.name}
    for key in SOURCE_KEYS:
        if part := getattr(environment, key):
            value[key] = msgspec.to_builtins(part)
    value["mode"] = "floating"
    if environment.after:
        value["after"] = list(environment.after)
    if names := msgspec.to_builtins(environment.names):
        value["names"] = names
    if environment.require.kinds:
        value["require"] = {"kinds": list(environment.require.kinds)}
    text = dump_value([value])
    yield from (f"  {line}" for line in text.splitlines())
    if proposed.variables:
        yield "    # Variables that nothing gives a value; what has them is not judged until then:"
        yield "    # substitute:"
        yield from (f"    #   {name.strip('${}()')}: ..." for name in proposed.variables)


def _plain(text: str) -> str:
    """Text of a repository in a comment: one line, and nothing that a terminal obeys."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _expectations(proposed: Proposed) -> str:
    if not proposed.expectations:
        return EXPECTATIONS.replace(" These work today.", "") + "expectations: []\n"
    values = [
        {"from": each.client, "to": each.to, "outcome": each.outcome}
        for each in proposed.expectations
    ]
    return EXPECTATIONS + dump_value({"expectations": values})


def toolchain(*, charts: bool) -> str:
    """promotion/toolchain.yaml of this version; `charts`: an environment is built from one."""
    helm = f'  helm: "{pinned()["helm"].version}"\n' if charts else ""
    return (
        "# What releases are rendered with: another version may render another result, so a\n"
        "# change here is a release of its own.\n"
        f'renderer:\n  kustomize: "{EXPECTED}"\n{helm}'
    )


def _workflow(requirement: str, words: str, *, charts: bool) -> str:
    helm = f"      - run: {HELM}\n" if charts else ""
    return f"""\
name: meshgate

on:
  pull_request:
  push:
    branches: [main]

permissions: {{}}

env:
  # What pip installs. This file was written by {words}.
  MESHGATE: {json.dumps(requirement)}

jobs:
  validate:
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0
        with:
          python-version: "3.11"
      - run: pip install "${{MESHGATE:?say above what pip is to install}}"
{helm}      - run: meshgate validate
"""


def _gitlab(requirement: str, words: str, *, charts: bool) -> str:
    helm = f"    - {HELM}\n" if charts else ""
    return f"""\
meshgate:
  image: python:3.11
  variables:
    # What pip installs. This file was written by {words}.
    MESHGATE: {json.dumps(requirement)}
  script:
    - pip install "${{MESHGATE:?say above what pip is to install}}"
{helm}    - meshgate validate --format gitlab=gl-code-quality-report.json --format text
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json
"""


def forge_of(root: Path) -> str:
    """Where the repository is, by its folders and the address of its remote; else github."""
    for name in FORGES:
        if (root / f".{name}" / "workflows").is_dir():
            return name
    if (root / ".gitlab-ci.yml").exists() or (root / ".gitlab").is_dir():
        return "gitlab"
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(read_inside(root, ".git/config").decode("utf-8", "replace"))
    except (BuildError, configparser.Error):
        return FORGES[0]
    addresses = [parser.get(section, "url", fallback="") or "" for section in parser.sections()]
    return next((name for name in FORGES for url in addresses if name in url), FORGES[0])


def _owned(contents: Contents, proposal: Proposal) -> list[str]:
    paths: dict[str, None] = {}
    for each in proposal.environments:
        for path in each.environment.named_paths:
            if path == ".":
                paths |= dict.fromkeys(_tops(contents, each.environment.sources))
            elif not posixpath.splitext(path)[1]:
                paths[f"{path}/"] = None
    return [*OWNED, *(path for path in paths if path not in OWNED)]


def _tops(contents: Contents, sources: str) -> list[str]:
    """What lies at the top and belongs to sources that the top of the repository is."""
    names = (name.partition("/") for name in source.inputs(contents.root, sources))
    owned = {f"{top}{slash}" for top, slash, _ in names}
    return sorted(name for name in owned if (contents.root / name).exists())


def _owners_paths() -> Sequence[str]:
    return ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")


def _owners_path(root: Path) -> str:
    there = next((path for path in _owners_paths() if (root / path).is_file()), "")
    return there or ("CODEOWNERS" if forge_of(root) == "gitlab" else ".github/CODEOWNERS")


def _old(root: Path, path: str) -> str | None:
    if not (root / path).exists() and not (root / path).is_symlink():
        return None
    try:
        return read_inside(root, path).decode("utf-8", "replace")
    except BuildError:
        return ""


def _added(old: str, text: str) -> str:
    """The file with the lines that it has not, at its end."""
    there = set(old.splitlines())
    missing = [line for line in text.splitlines() if line not in there or not line.strip()]
    if not any(line.strip() and not line.startswith("#") for line in missing):
        return old
    return old.rstrip("\n") + "\n" + "\n".join(missing) + "\n"


def _appended(old: str, text: str) -> str:
    """The file with a block that it has not, at its end."""
    first = text.splitlines()[0]
    return old if first in old.splitlines() else old.rstrip("\n") + "\n\n" + text


def _patch(path: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(lines)
