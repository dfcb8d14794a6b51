"""What a chart renders to, document by document, with the template of each."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import BuildError, ToolError
from meshgate.model.sources import HelmChart
from meshgate.process import run
from meshgate.source.cache import Cache, digest
from meshgate.source.charts.files import TOP, ChartFiles
from meshgate.source.charts.program import API_VERSIONS, KUBERNETES, environment, program
from meshgate.source.limits import LIMITS, TIMEOUT, refuse_beyond

# Part of every cache key: raise it when what is kept, or how it is made, changes.
FORMAT = "2"
SOURCE = re.compile(r"# Source: (\S.*)")
SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)
MISSING = re.compile(r"found in Chart\.yaml, but missing in charts/ directory: (.*)")
PLACE = re.compile(r"([\w.-]+(?:/[^\s:()]+)+)((?::\d+){0,2})")
DEBUG = "Use --debug flag"
MOST_WORDS = 1200


class RenderedDocument(NamedTuple):
    """One document of a render.

    source  the template, as Helm calls it: NAME/templates/FILE
    text    the document, without the comment that names the template
    """

    source: str
    text: str


def rendered(
    chart: HelmChart, files: ChartFiles, version: str, cache: Path | None, aside: Path
) -> list[RenderedDocument]:
    """The documents that a version of helm makes of a chart.

    Raises BuildError with what Helm says of the chart, ToolError where helm is missing or crashes.
    """
    renderings = Cache(cache, "charts")
    key = _key(chart, files, version)
    text = renderings.get(key)
    if not isinstance(text, str):
        text = _helm(chart, files, version, aside / digest(key)[:16])
        renderings.put(key, text)
    return list(_documents(text))


def _key(chart: HelmChart, files: ChartFiles, version: str) -> str:
    parts: list[str | bytes] = [FORMAT, version, release_of(chart, files)]
    parts += [chart.namespace, files.path]
    for read in (files.files, files.values):
        for name in read:
            parts += (name, read[name])
    return digest(*parts)


def release_of(chart: HelmChart, files: ChartFiles) -> str:
    """The name of the release."""
    folder = posixpath.basename(files.path)
    return chart.release or (folder if folder != TOP else files.name)


def _helm(chart: HelmChart, files: ChartFiles, version: str, aside: Path) -> str:
    copy = aside / "chart"
    for name, content in files.files.items():
        _write(copy / files.within(name), content)
    argv = [str(program(version)), "template", release_of(chart, files), str(copy)]
    for number, content in enumerate(files.values.values()):
        values = aside / "values" / f"{number}.yaml"
        _write(values, content)
        argv += ["--values", str(values)]
    argv += ["--namespace", chart.namespace, "--kube-version", KUBERNETES]
    argv += ["--skip-tests", "--include-crds"]
    argv += [part for version in API_VERSIONS for part in ("--api-versions", version)]
    home = aside / "home"
    home.mkdir()
    try:
        done = run(argv, timeout=TIMEOUT, cwd=home, environment=environment(home), limits=LIMITS)
    except ToolError as error:
        raise ToolError(f"{files.path}: {error.what}", why=error.why, hint=error.hint) from error
    refuse_beyond(
        done,
        LIMITS,
        files.path,
        "A template that repeats itself grows without end.",
        "look for a `range` over a large number, or a value that includes itself",
    )
    if done.code != 0:
        raise _build_error(chart, files, done.stderr, aside)
    return done.stdout.decode("utf-8", "replace")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _documents(text: str) -> Iterator[RenderedDocument]:
    for part in SEPARATOR.split(text):
        comment, _, rest = part.partition("\n")
        matched = SOURCE.fullmatch(comment.rstrip())
        if matched is not None:
            yield RenderedDocument(matched[1].strip(), rest)
        elif part.strip():
            yield RenderedDocument("", part)


def _build_error(chart: HelmChart, files: ChartFiles, stderr: str, aside: Path) -> BuildError:
    """What Helm says, with the place in the repository and the way out."""
    words = stderr.replace(str(aside / "chart"), files.path)
    for number, name in enumerate(files.values):
        words = words.replace(str(aside / "values" / f"{number}.yaml"), name)
    words = words.replace(str(aside), "").partition(DEBUG)[0].strip()
    words = words.removeprefix("Error:").strip()
    if missing := MISSING.search(words):
        return BuildError(
            f"{files.path} depends on charts that are not in its charts/: {missing[1].strip()}",
            why="Nothing is fetched: what a release is made of is reviewed in the repository.",
            hint=f"run `helm dependency build {chart.chart}` and commit {files.path}/charts, "
            "also where .gitignore has it",
        )
    place = next(
        (
            files.template(match[1]) + match[2]
            for match in PLACE.finditer(words)
            if match[1].partition("/")[0] == files.name
        ),
        files.path,
    )
    hint = f"render it by hand: helm template {chart.chart}"
    for name in chart.values:
        hint += f" --values {name}"
    if "values don't meet the specifications" in words:
        hint = "correct the values in `helm.values`, or values.schema.json of the chart"
    elif "nil pointer evaluating" in words or "execution error" in words:
        hint = "give the value that is missing, in a file of `helm.values`; " + hint
    return BuildError(f"{place}: the chart does not render", why=words[:MOST_WORDS], hint=hint)
