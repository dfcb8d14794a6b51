"""The kubeconform engine: the same decision, made by the tool many teams already trust."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from meshgate import tools
from meshgate.errors import ToolError
from meshgate.model import JSONObject, Resource
from meshgate.process import run
from meshgate.schema import catalog
from meshgate.schema.catalog import ServedKind
from meshgate.schema.engine import SchemaRefusal

NAME = "kubeconform"
MODULE = "github.com/yannh/kubeconform"
VERSION_TIMEOUT = 20.0
# Enough for the largest batch on a slow machine; a run takes a fraction of a second.
TIMEOUT = 300.0
# kubeconform hands slices of its 4 MiB stream buffer to the worker and reads on. While the stream
# is shorter than half of it the buffer never moves; a longer one may be judged as other text.
BATCH_BYTES = 1 << 20

VERSION = re.compile(r"v?(\d+)\.(\d+)(\.\d+)?")
BEYOND_ASCII = re.compile(r"[^ -~]")

VALID, INVALID, ERROR = "statusValid", "statusInvalid", "statusError"
# How kubeconform words an object that it cannot read; any other error is none of the object's.
UNREADABLE = ("error unmarshalling resource", "error while parsing")


class Kubeconform(Struct, frozen=True):
    """Decides by running kubeconform over batches of objects on its standard input."""

    program: Path
    istio: str

    def refusals(self, objects: Sequence[tuple[Resource, ServedKind]]) -> dict[int, SchemaRefusal]:
        """The refused objects, by their index.

        Raises ToolError when kubeconform fails, does not end, or does not answer for every object.
        """
        refused: dict[int, SchemaRefusal] = {}
        start = 0
        for batch in batches(document(resource) for resource, _ in objects):
            for offset, answer in enumerate(self._ask(batch)):
                index = start + offset
                refusal = _refusal(answer, objects[index][0])
                if refusal is not None:
                    refused[index] = refusal
            start += len(batch)
        return refused

    def _ask(self, batch: list[bytes]) -> list[JSONObject]:
        """The results, one for each document, in their order."""
        argv = [str(self.program), "-strict", "-summary", "-verbose", "-output", "json"]
        for location in self.locations():
            argv += ["-schema-location", location]
        # With one worker the results come in the order of the stream.
        argv += ["-n", "1", "-"]
        done = run(argv, timeout=TIMEOUT, stdin=b"---\n".join(batch))
        try:
            answer = json.loads(done.stdout)
            results: list[JSONObject] = answer["resources"]
            summary = answer["summary"]
            counted = sum(summary[key] for key in ("valid", "invalid", "errors", "skipped"))
        except (ValueError, KeyError, TypeError) as error:
            raise _failed(f"gave no result (exit code {done.code})", done.stderr) from error
        expected = int(summary["invalid"] + summary["errors"] > 0)
        if len(results) != len(batch) or counted != len(batch) or summary["skipped"]:
            raise _failed(f"answered for {counted} of {len(batch)} objects", done.stderr)
        if done.code != expected:
            raise _failed(f"ended with {done.code} where {expected} was due", done.stderr)
        return results

    def locations(self) -> list[str]:
        """Where kubeconform finds the schemas, as its `-schema-location` templates."""
        template = "{{.Group}}/{{.ResourceKind}}.json"
        folders = (f"istio/{self.istio}", *catalog.OTHERS)
        return [f"{catalog.folder()}/{folder}/{template}" for folder in folders]


def _refusal(answer: JSONObject, resource: Resource) -> SchemaRefusal | None:
    # An object that kubeconform cannot read has no kind for it either.
    named = (answer["kind"], answer["version"]) == (resource.kind, resource.api_version)
    if not named and answer["status"] != ERROR:
        raise _failed(f"answered for {answer['kind']} where {resource.kind} was asked", "")
    if answer["status"] == VALID:
        return None
    if answer["status"] == INVALID:
        first = next(iter(answer.get("validationErrors") or ()), {"path": "", "msg": answer["msg"]})
        return SchemaRefusal("", f"{first['path']}: {first['msg']}")
    if answer["status"] == ERROR and answer["msg"].startswith(UNREADABLE):
        return SchemaRefusal("", answer["msg"])
    raise _failed(f"could not judge {resource}", answer["msg"])


def _failed(what: str, why: str) -> ToolError:
    return ToolError(
        f"kubeconform {what}",
        why=why.strip(),
        hint="use `--engine jsonschema`, or report this with the manifests that show it",
    )


def document(resource: Resource) -> bytes:
    """The object as one line of JSON that YAML readers take for the same value.

    kubeconform reads YAML: every character that YAML treats in its own way is escaped.
    """
    text = json.dumps(resource.value, ensure_ascii=False, separators=(",", ": "))
    escaped = BEYOND_ASCII.sub(lambda match: f"\\U{ord(match[0]):08x}", text)
    return escaped.encode("ascii") + b"\n"


def batches(documents: Iterable[bytes]) -> Iterable[list[bytes]]:
    """The documents in groups that one run can hold."""
    batch: list[bytes] = []
    size = 0
    for content in documents:
        if batch and size + len(content) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(content)
        size += len(content)
    if batch:
        yield batch


def on_path() -> Path | None:
    """The kubeconform on PATH, if its version fits."""
    path = shutil.which(NAME)
    return Path(path) if path and fits(version(Path(path))) else None


def wanted() -> Path:
    """The kubeconform that somebody asked for: from PATH, else the pinned one that was built.

    Raises ToolError where it is missing or has the wrong version.
    """
    pin = tools.pinned()[NAME]
    path = shutil.which(NAME)
    if path is None:
        if pin.path.is_file():
            return pin.path
        raise ToolError(
            "kubeconform is not on PATH",
            hint=f"run `nox -s tools`, install kubeconform {pin.version}, or leave --engine out",
        )
    has = version(Path(path))
    if not fits(has):
        raise ToolError(
            f"{path} is kubeconform {has or 'of an unknown version'}; {pin.version} is wanted",
            why="Another version may judge in another way.",
            hint="run `nox -s tools` and put that one first on PATH, or leave --engine out",
        )
    return Path(path)


def version(program: Path) -> str | None:
    """The version a kubeconform says it has, else the one it was linked from."""
    answer = run([str(program), "-v"], timeout=VERSION_TIMEOUT)
    match = VERSION.search(answer.stdout.decode("utf-8", "replace"))
    return match[0].removeprefix("v") if match else tools.linked_version(program, MODULE)


def fits(text: str | None) -> bool:
    """Whether a version is of the pinned minor version: its verdicts are tested to be the same."""
    parts = VERSION.fullmatch(text or "")
    pin = VERSION.fullmatch(tools.pinned()[NAME].version)
    return parts is not None and pin is not None and parts.group(1, 2) == pin.group(1, 2)
