"""PR22 on real signatures: SSH keys that the base lists, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from judged import judged, proposed
from meshgate.repository import Repository, Signed, signed
from promoted import Promoted, commit, git

WHO = "promoter@example.com"


def key(folder: Path, name: str) -> Path:
    """A fresh key pair; its public half lies beside it."""
    file = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)], check=True
    )
    return file


def allowed(file: Path) -> str:
    return f'{WHO} namespaces="git" {file.with_suffix(".pub").read_text()}'


def sign_head(folder: Path, file: Path) -> str:
    settings = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={file}")
    git(folder, *settings, "commit", "--quiet", "--amend", "--no-edit", "-S")
    return git(folder, "rev-parse", "HEAD")


def test_who_signed(promoted: Promoted, tmp_path: Path) -> None:
    folder = promoted.folder
    mine, other = key(tmp_path, "mine"), key(tmp_path, "other")
    plain = git(folder, "rev-parse", "HEAD")
    head = sign_head(folder, mine)

    with Repository(folder) as repository:
        assert signed(repository, head, allowed(mine).encode()) == Signed(WHO)
        assert signed(repository, plain, allowed(mine).encode()).problem == "it is not signed"
        assert signed(repository, head, allowed(other).encode()).problem
        assert signed(repository, head, b"").problem
        # The wrong purpose: a key that may only sign files.
        files_only = allowed(mine).replace('"git"', '"file"').encode()
        assert signed(repository, head, files_only).problem


@pytest.mark.parametrize(
    ("signer", "refused"), [("mine", set()), ("other", {"PR22"}), ("", {"PR22"})]
)
def test_a_promotion_is_signed_by_who_may(
    promoted: Promoted, tmp_path: Path, signer: str, refused: set[str]
) -> None:
    folder = promoted.folder
    keys = {name: key(tmp_path, name) for name in ("mine", "other")}
    text = (folder / "environments.yaml").read_text()
    rule = "    signatures: {allowedSigners: promotion/allowed_signers}\n"
    files = {"environments.yaml": text + rule, "promotion/allowed_signers": allowed(keys["mine"])}
    commit(folder, files, "signatures", day=5)
    base = proposed(folder, day=6)
    if signer:
        sign_head(folder, keys[signer])

    found = judged(folder, base, "HEAD")

    assert {refusal.guard for refusal in found.refusals} == refused


def test_a_file_of_signers_that_is_missing_refuses(promoted: Promoted) -> None:
    folder = promoted.folder
    text = (folder / "environments.yaml").read_text()
    rule = "    signatures: {allowedSigners: promotion/nowhere}\n"
    commit(folder, {"environments.yaml": text + rule}, "signatures", day=5)
    base = proposed(folder, day=6)

    (refusal,) = judged(folder, base, "HEAD").refusals

    assert refusal.message == "not known: the signature of the head commit"
