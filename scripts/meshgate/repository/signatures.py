"""Who signed a commit, as git and a file of allowed signers say."""

from __future__ import annotations

import tempfile
from pathlib import Path

from msgspec import Struct

from meshgate.repository.repository import Repository

GOOD = "G"
# The fingerprint of an SSH key, as `ssh-keygen -l` prints it; that of OpenPGP is hex digits.
SSH_KEY = "SHA256:"
# What git says of a signature (`%G?` of git-log).
VERDICTS = {
    "B": "its signature is bad",
    "U": "it is signed by somebody who is not among the allowed signers",
    "X": "its signature has expired",
    "Y": "its key has expired",
    "R": "its key was revoked",
    "E": "its signature cannot be checked",
    "N": "it is not signed",
}


class Signed(Struct, frozen=True):
    """The principal who signed, or what is wrong; one of the two is empty."""

    signer: str
    problem: str = ""


def signed(repository: Repository, commit: str, allowed_signers: bytes) -> Signed:
    """Who signed a commit with an SSH key that `allowed_signers` (ssh-keygen's format) lists.

    What the user's own git trusts does not count. Raises RepositoryError.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        file = Path(folder) / "allowed_signers"
        file.write_bytes(allowed_signers)
        answer = repository.run(
            *("-c", f"gpg.ssh.allowedSignersFile={file}", "-c", "gpg.ssh.revocationFile="),
            *("log", "-1", "--format=%G?%x00%GS%x00%GF", commit),
            what=f"git cannot check the signature of {commit}",
        )
    verdict, signer, key = answer.split("\0")
    if verdict != GOOD:
        return Signed("", VERDICTS.get(verdict, f"git says {verdict} of its signature"))
    if not key.startswith(SSH_KEY):
        return Signed("", "it is not signed with an SSH key")
    return Signed(signer)
