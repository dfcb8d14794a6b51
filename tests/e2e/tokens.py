"""Tokens that a RequestAuthentication of the lab accepts, and those that it does not."""

from __future__ import annotations

import base64
import functools
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from meshgate.model import JSONObject

ISSUER = "https://issuer.example.org"
KEY_ID = "lab"


def token(payload: JSONObject) -> str:
    """A JSON Web Token of this payload, signed with RS256 by the lab's key."""
    head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
    signed = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(payload).encode())}"
    signature = _key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encoded(signature)}"


def key_set() -> str:
    """The lab's public key as a JSON Web Key Set, which a RequestAuthentication holds in it."""
    numbers = _key().public_key().public_numbers()
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "n": _number(numbers.n),
        "e": _number(numbers.e),
    }
    return json.dumps({"keys": [key]})


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
