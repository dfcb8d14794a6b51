"""The files of a chart and of the charts in it, read once: what was read is what is rendered."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator

from meshgate.errors import BuildError
from meshgate.model import JSONObject
from meshgate.source.kinds.folder import files_below, link
from meshgate.source.load import parsed
from meshgate.source.recognition import CHART, OWN, OWN_FILES
from meshgate.yamldoc.files import MEBIBYTE, Root
from meshgate.yamldoc.nodes import Reader

ARCHIVE = ".tgz"
CHARTS = "charts"
TOP = "."
TEMPLATES = "templates"
LARGEST_CHART = 64 * MEBIBYTE
# Of all members of an archive.
LARGEST_MEMBERS = 64 * MEBIBYTE
MOST_MEMBERS = 10_000


class ChartFiles:
    """Every file of a chart, by name relative to the root of the repository.

    Raises BuildError for what is no chart, for links and for more than a chart has.
    """

    def __init__(self, below: Root, path: str, values: tuple[str, ...]) -> None:
        self.path = path
        self.files: dict[str, bytes] = {}
        self.values: dict[str, bytes] = {}
        if below.inside(path) is None or not below.is_folder(path):
            raise BuildError(
                f"{path}: there is no such folder in the repository",
                hint="correct `helm.chart` in environments.yaml",
            )
        if not below.is_file(self._below(path, CHART)):
            raise BuildError(
                f"{path} has no {CHART}",
                hint="name the folder of a chart in `helm.chart`, or use `manifests` or `overlay`",
            )
        size = 0
        for name in _names(below, path):
            self.files[name] = below.read(name)
            size += len(self.files[name])
            if size > LARGEST_CHART:
                raise BuildError(
                    f"{path} has more than {LARGEST_CHART // MEBIBYTE} MiB of files",
                    hint="keep in the folder of a chart only what belongs to the chart",
                )
        for name in values:
            if below.inside(name) is None or not below.is_file(name):
                raise BuildError(
                    f"{name}: there is no such file of values",
                    hint="correct `helm.values` in environments.yaml, or add the file",
                )
            self.values[name] = below.read(name)
        # What templates are called by: a chart's own name in the place of its folder.
        self.folders = dict(self._named(path, ""))

    @property
    def name(self) -> str:
        """The chart's name."""
        return str(self.description(self.path).get("name") or posixpath.basename(self.path))

    def description(self, folder: str) -> JSONObject:
        """What Chart.yaml of a chart's folder says. Raises BuildError."""
        file = self._below(folder, CHART)
        documents = parsed(self.files[file], file, Reader.API_SERVER)
        value = documents[0].value if documents else None
        if not isinstance(value, dict):
            raise BuildError(f"{file} is not one mapping", hint="start it with `apiVersion: v2`")
        return value

    def _named(self, folder: str, before: str) -> Iterator[tuple[str, str]]:
        """By the name of Helm's `# Source:` comments, the folder of each chart in this one."""
        name = str(self.description(folder).get("name") or posixpath.basename(folder))
        named = f"{before}{name}"
        yield named, folder
        start = self._below(folder, f"{CHARTS}/")
        inner = sorted(
            {
                start + file[len(start) :].partition("/")[0]
                for file in self.files
                if file.startswith(start) and file.endswith(f"/{CHART}")
            }
        )
        aliases = _aliases(self.description(folder))
        for each in inner:
            if f"{each}/{CHART}" in self.files:
                for called, inside in self._named(each, f"{named}/{CHARTS}/"):
                    yield called, inside
                    own = called[len(named) + len(CHARTS) + 2 :].partition("/")
                    for alias in aliases.get(own[0], ()):
                        yield f"{named}/{CHARTS}/{alias}{own[1]}{own[2]}", inside

    def template(self, source: str) -> str:
        """The file that a `# Source:` comment names; of an archive the archive, else the chart."""
        for named in sorted(self.folders, key=len, reverse=True):
            if source.startswith(f"{named}/"):
                file = self._below(self.folders[named], source[len(named) + 1 :])
                if file in self.files:
                    return file
                return self._archive(self.folders[named], source[len(named) + 1 :])
        return self._below(self.path, CHART)

    def _archive(self, folder: str, rest: str) -> str:
        """The archive that holds a chart which has no folder."""
        start = self._below(folder, f"{CHARTS}/")
        name = rest.removeprefix(f"{CHARTS}/").partition("/")[0]
        fitting = [
            file
            for file in self.files
            if file.startswith(f"{start}{name}-") and file.endswith(ARCHIVE)
        ]
        return fitting[0] if len(fitting) == 1 else self._below(folder, CHART)

    @staticmethod
    def _below(folder: str, name: str) -> str:
        return name if folder == TOP else f"{folder}/{name}"

    def within(self, name: str) -> str:
        """The name of a file in the chart."""
        return name if self.path == TOP else name[len(self.path) + 1 :]

    def templates(self) -> Iterator[tuple[str, str, str]]:
        """Each template: the file of the repository, the member of it if it is an archive, text.

        Raises BuildError for an archive that cannot be read.
        """
        for name, content in self.files.items():
            if name.endswith(ARCHIVE) and posixpath.basename(posixpath.dirname(name)) == CHARTS:
                for member, inside in _members(name, content):
                    if f"/{TEMPLATES}/" in member:
                        yield name, member, inside.decode("utf-8", "replace")
            elif f"/{TEMPLATES}/" in f"/{name}":
                yield name, "", content.decode("utf-8", "replace")


def _names(below: Root, path: str) -> list[str]:
    """The files that belong to a chart.

    Of one at the top of the repository: all but hidden ones, which no chart needs, and but waivers,
    records and the like, which lie there, too.
    """
    if path != TOP:
        return files_below(below, path, hidden=True)
    names: list[str] = []
    for name, is_link, is_folder in below.listed(TOP):
        if name.startswith(".") or name in (OWN if is_folder else OWN_FILES):
            continue
        if is_link:
            raise link(name)
        names += files_below(below, name, hidden=True) if is_folder else [name]
    return sorted(names)


def _aliases(description: JSONObject) -> dict[str, list[str]]:
    """By the name of a chart, what a chart that depends on it calls it."""
    aliases: dict[str, list[str]] = {}
    listed = description.get("dependencies")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("alias"), str):
            aliases.setdefault(str(each.get("name")), []).append(each["alias"])
    return aliases


def _members(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The regular files of an archive, within limits: a small one can hold any amount of zeros."""
    import tarfile  # noqa: PLC0415 - few charts have dependencies that are packed

    room = LARGEST_MEMBERS
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
            for number, member in enumerate(archive):
                room -= member.size
                if room < 0 or number > MOST_MEMBERS:
                    raise BuildError(
                        f"{name} holds more than {LARGEST_MEMBERS // MEBIBYTE} MiB or "
                        f"{MOST_MEMBERS} files",
                        hint="vendor the chart as a folder, and only what it needs",
                    )
                if member.isfile() and (stream := archive.extractfile(member)) is not None:
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BuildError(
            f"{name} is no archive of a chart: {error}",
            hint="package it again with `helm dependency build`, or vendor it as a folder",
        ) from error
