"""What is fuzzed: each target takes bytes, and may end in an error for people and no other way."""

from __future__ import annotations

import copy
import functools
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from meshgate import source
from meshgate.errors import MeshgateError
from meshgate.mesh import Mesh
from meshgate.model import MeshFacts, Resource
from meshgate.promotion.ledger import read_files
from meshgate.schema import check

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
FILE = re.compile(rb"^=== (\S+)\n", re.MULTILINE)
# What readers of YAML, of Kubernetes and of kustomize trip over.
TOKENS = (
    *(b"&a ", b"*a", b"<<: *a", b"!!binary ", b"!!python/object:os.system ", b"---\n", b"...\n"),
    *(b"? ", b"| ", b"> ", b"- ", b"{", b"}", b"[", b"]", b": ", b"#", b"'", b'"', b"\t", b"\r\n"),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"null", b"~", b"0o17", b"1e999"),
    *(b"-0", b".inf", b"yes", b"2026-02-30", b"18446744073709551616", b"*", b"**", b"../", b"/"),
    *(b"https://x/", b"*.svc.cluster.local", b"STRICT", b"DISABLE", b"kind: List\n", b"items: "),
    *(b"apiVersion: v1\n", b"metadata: ", b"spec: ", b"name: ", b"namespace: ", b"labels: "),
    *(b"resources: [.]\n", b"patches: [{path: x}]\n", b"$patch: delete\n", b"generators: [x]\n"),
)


def loader(data: bytes) -> None:
    """Any file as manifests; what was read is written and read again alike."""
    loaded = source.read(data, "fuzz.yaml")
    for resource in loaded.resources:
        source.read(source.dump([resource]).encode(), "again.yaml")


def scan(data: bytes) -> None:
    """A folder of kustomizations: files after lines of `=== PATH`."""
    names = [match[1].decode("utf-8", "replace") for match in FILE.finditer(data)]
    contents = FILE.split(data)[2::2]
    with tempfile.TemporaryDirectory(prefix="meshgate-fuzz-") as folder:
        root = Path(folder)
        for name, content in zip(names, contents, strict=False):
            path = root / name.replace("..", "_").lstrip("/")
            if len(str(path)) < 200 and "\x00" not in name and not path.exists():
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                except OSError:
                    continue
        source.survey(root, "overlays/dev")
        source.inputs(root, "overlays/dev")


def ledger(data: bytes) -> None:
    """State, records and rendered files of an environment: what is wrong is told, never raised."""
    contents = FILE.split(data)
    files = dict(
        zip(
            (name.decode("utf-8", "replace") for name in contents[1::2]),
            contents[2::2],
            strict=False,
        )
    )
    found = read_files("prod", files)
    _ = (found.problems, found.records, found.rendered)


def mesh(data: bytes) -> None:
    """All that a mesh is asked, of any objects that the API server would take."""
    resources = [Resource.of(found.value) for found in source.read(data, "fuzz.yaml").resources]
    refused = check(resources, istio=MeshFacts().istio, engine="jsonschema", allowed=None)
    out = {id(violation.resource) for violation in refused}
    model = Mesh([each for each in resources if id(each) not in out], MeshFacts())
    model.counts()
    for workload in model.workloads:
        for port in (*model.ports(workload), None):
            model.mode_at(workload, port)
    for call in model.calls():
        _ = call.outcome


TARGETS: dict[str, Callable[[bytes], None]] = {
    "loader": loader,
    "scan": scan,
    "ledger": ledger,
    "mesh": mesh,
}


def run(target: str, data: bytes) -> None:
    """One input. Raises whatever is no error for people."""
    try:
        TARGETS[target](data)
    except MeshgateError:
        return


@functools.cache
def seeds(target: str) -> tuple[bytes, ...]:
    """What inputs are made of: examples of this repository, and what was found before."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    if target == "ledger":
        own = sorted((ROOT / "promotion").rglob("prod/*.yaml"))
        own += [
            ROOT / "promotion/state/prod.yaml",
            *sorted((ROOT / "rendered/prod").rglob("*.yaml")),
        ]
        return (_joined(own), *kept)
    if target == "scan":
        folders = [
            ROOT / "overlays",
            ROOT / "policies",
            *sorted((ROOT / "tests/cases").glob("RE*/*")),
        ]
        trees = [sorted(folder.rglob("*.yaml")) for folder in folders]
        return (_joined([*trees[0], *trees[1]]), *map(_joined, filter(None, trees[2:])), *kept)
    files = sorted((ROOT / "tests/cases").rglob("*.yaml"))
    if target == "mesh":
        folders = sorted({file.parent for file in files})
        whole = [
            b"---\n".join(path.read_bytes() for path in sorted(folder.glob("*.yaml")))
            for folder in folders
        ]
        return (*whole, *kept)
    return (*(file.read_bytes() for file in files), *kept)


def _joined(files: list[Path]) -> bytes:
    return b"".join(
        b"=== %s\n%s" % (path.relative_to(ROOT).as_posix().encode(), path.read_bytes())
        for path in files
    )


# What a value of a manifest may be instead.
VALUES: tuple[object, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1e308,
        2**63,
        65536,
        "",
        " ",
        "*",
        "**",
        "x" * 300,
        "\u202e",
        "0",
    ),
    *("STRICT", "strict", "a.b.svc.cluster.local", "*.local", "1.2.3.4/33", "::1", "/", ".."),
    *([], {}, [None], [{}], [[]], {"": ""}, {"mode": None}, {"matchLabels": None}, ["*", "*"]),
    *({"tls": {"mode": 1}}, {"host": []}, {"ports": [{}]}, {"from": [{"source": None}]}),
)


def mutated_values(target: str, dice: random.Random) -> bytes:
    """An example that still parses, with a few of its values replaced, dropped or moved."""
    documents = [value for value in _parsed(target, dice) if isinstance(value, dict)]
    for _ in range(dice.randint(1, 6)):
        if documents:
            _change(dice.choice(documents), dice)
    return "---\n".join(map(source.dump_value, documents)).encode()


def _parsed(target: str, dice: random.Random) -> list[object]:
    try:
        return [found.value for found in source.read(dice.choice(seeds(target)), "seed").resources]
    except MeshgateError:
        return []


def _change(value: object, dice: random.Random) -> None:
    """Change one place, somewhere below."""
    while isinstance(value, dict | list) and value:
        key = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        inside = value[key]
        if not isinstance(inside, dict | list) or not inside or dice.random() < 0.2:
            if dice.random() < 0.2:
                del value[key]
            else:
                value[key] = copy.deepcopy(dice.choice(VALUES))
            return
        value = inside


def mutated(target: str, dice: random.Random) -> bytes:
    """An input: an example with a few parts taken out, moved, doubled, or put in from elsewhere."""
    if target in {"loader", "mesh"} and dice.random() < 0.7:
        return mutated_values(target, dice)
    pool = seeds(target)
    data = bytearray(dice.choice(pool))
    for _ in range(dice.randint(1, 8)):
        start = dice.randrange(len(data) + 1)
        end = min(len(data), start + dice.choice((0, 1, 1, 4, 16, 64, 256)))
        match dice.randrange(6):
            case 0:
                del data[start:end]
            case 1:
                data[start:start] = dice.choice(TOKENS)
            case 2:
                data[start:end] = dice.choice(TOKENS)
            case 3:
                data[start:start] = data[start:end] * dice.choice((1, 2, 50))
            case 4:
                other = dice.choice(pool)
                cut = dice.randrange(len(other) + 1)
                data[start:end] = other[cut : cut + dice.choice((8, 64, 512))]
            case _:
                _swap_lines(data, dice)
    return bytes(data[: 1 << 18])


def _swap_lines(data: bytearray, dice: random.Random) -> None:
    """Whole lines of YAML stay readable where single bytes seldom do."""
    lines = bytes(data).split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"\n".join(lines)
