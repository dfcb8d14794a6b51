"""A repository's files as one archive, for machines that do not share a disk with this one."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from meshgate.errors import ToolError

# Bytes of an archive: a scheduler holds it in memory, and a worker while it unpacks it.
LARGEST = 256 << 20
# Git's own files decide nothing that is judged.
LEFT_OUT = frozenset({".git"})
# Unpacked archives that one worker has at most; repositories take turns where several are judged.
MOST_UNPACKED = 4


def archive(root: Path) -> bytes:
    """All files below a folder as a gzipped tar; equal folders give equal bytes.

    Links are sent as links: whoever judges them says where they lead. Raises ToolError where a file
    cannot be read, or where it is too much.
    """
    stream = io.BytesIO()
    try:
        with tarfile.open(
            fileobj=stream, mode="w:gz", compresslevel=1, format=tarfile.GNU_FORMAT
        ) as tar:
            for folder, folders, files in os.walk(root, onerror=_raise):
                folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
                for name in sorted((*folders, *files)):
                    path = Path(folder, name)
                    where = path.relative_to(root).as_posix()
                    tar.add(path, where, recursive=False, filter=_plain)
                _bound(stream, root)
        _bound(stream, root)
    except OSError as error:
        raise ToolError(
            f"{root} cannot be packed for workers: {error}",
            hint="let the file be read, or judge on this machine: --scheduler ''",
        ) from error
    packed = stream.getvalue()
    # The time of its making, RFC 1952: bytes 4 to 7.
    return packed[:4] + bytes(4) + packed[8:]


def digest_of(packed: bytes) -> str:
    """The name of an archive: the SHA-256 of its bytes."""
    return hashlib.sha256(packed).hexdigest()


def unpack(packed: bytes, digest: str, folder: Path) -> Path:
    """Unpack an archive below a folder, named by its digest; the oldest others make room.

    The caller sees to it that nobody reads those. Raises ToolError where it is not what was sent.
    """
    if digest_of(packed) != digest:
        raise ToolError("the repository did not arrive at a worker as it was sent")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = sorted(folder.iterdir(), key=lambda each: each.lstat().st_mtime_ns, reverse=True)
    for other in others[MOST_UNPACKED - 1 :]:
        shutil.rmtree(other, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=folder))
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        tar.extractall(aside, filter="tar")
    target = folder / digest
    aside.rename(target)
    return target


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _bound(stream: io.BytesIO, root: Path) -> None:
    if stream.tell() > LARGEST:
        raise ToolError(
            f"{root} has more than {LARGEST >> 20} MiB, packed: it is not sent",
            hint="take what belongs to no environment out of the folder, or judge on this machine: "
            "--scheduler ''",
        )


def _raise(error: OSError) -> None:
    raise error
