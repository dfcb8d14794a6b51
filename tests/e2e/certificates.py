"""Client certificates that a DestinationRule's MUTUAL names as files."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.sidecars import USER

CHAIN, KEY = "cert-chain.pem", "key.pem"
DAY = datetime.timedelta(days=1)


def of_mesh(source: Path, folder: Path) -> None:
    """The certificate that the mesh gave to a workload, as its agent wrote it."""
    folder.mkdir()
    for name in (CHAIN, KEY):
        shutil.copyfile(source / name, folder / name)
    _give(folder)


def of_stranger(folder: Path) -> None:
    """A certificate that nobody but its owner has signed."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .sign(key, hashes.SHA256())
    )
    (folder / CHAIN).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / KEY).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    _give(folder)


def _give(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        os.chown(path, USER, USER)
