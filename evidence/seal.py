"""The seal of a pack: an Ed25519 signature over the whole file, written into the manifest that stands in it uncompressed.

The signature covers every byte of the file but its own 128 digits, which are taken as zeros: so one byte changed anywhere is found out
from the file alone. Keys come in from outside; nothing here reads a setting, a clock or the database.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

DIGITS = 128
"""Of a signature in hexadecimal."""
MANIFEST = "manifest.json"
_NOTHING = b"0" * DIGITS
_SEAL = re.compile(rb'\{"seal":"([0-9a-f]{128})","handrail":1,')
_PURPOSE = b"handrail evidence pack 1:"
SPARE = 4096
"""Bytes kept free in the manifest beyond what is expected."""


class Broken(ValueError):
    """The seal does not hold; ``str()`` says why."""


def private_key(secret: str) -> Ed25519PrivateKey:
    """The key that a secret stands for: the same secret always gives the same key."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"handrail evidence seal:" + secret.encode()).digest())


def public_hex(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def room_for(manifest: dict[str, Any]) -> bytes:
    """The bytes that stand in the file until the manifest is known: unmistakable, and long enough for it."""
    return _written(manifest | {"room": "."}).ljust(len(_written(manifest)) + SPARE, b" ")


def _written(manifest: dict[str, Any]) -> bytes:
    """The manifest as it stands in the file: the seal first, still zeros."""
    text = {"seal": _NOTHING.decode(), "handrail": 1} | manifest
    return json.dumps(text, separators=(",", ":"), ensure_ascii=True).encode()


def sealed(pdf: bytes, room: bytes, manifest: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """``pdf`` with the manifest in the place of ``room`` and the seal in the manifest. ValueError where it does not fit."""
    if not fits(room, manifest) or pdf.count(room) != 1:
        raise ValueError("The manifest does not fit into the place that was kept for it.")
    unsigned = pdf.replace(room, _written(manifest).ljust(len(room), b" "))
    return _with_seal(unsigned, key.sign(_digest(unsigned)).hex().encode())


def fits(room: bytes, manifest: dict[str, Any]) -> bool:
    """Whether the manifest finds its place."""
    return len(_written(manifest)) <= len(room)


def _with_seal(pdf: bytes, digits: bytes) -> bytes:
    """The file with these digits in the place of its seal, and no other byte changed."""
    found = _SEAL.search(pdf)
    assert found is not None
    return pdf[: found.start(1)] + digits + pdf[found.end(1) :]


def manifest_in(pdf: bytes) -> dict[str, Any]:
    """The manifest that stands in a file. Broken where there is none, more than one, or one that cannot be read."""
    found = list(_SEAL.finditer(pdf))
    if not found:
        raise Broken("The file has no seal that can be read: it is no evidence pack, or its manifest was altered.")
    if len(found) > 1:
        raise Broken("The file has more than one seal: something was added to it.")
    try:
        text, _ = json.JSONDecoder().raw_decode(pdf[found[0].start() :].decode("latin-1"))
    except ValueError as error:
        raise Broken("The manifest in the file cannot be read: it was altered.") from error
    return dict(text)


def check(pdf: bytes, keys: set[str]) -> None:
    """Raises Broken unless the file is, byte by byte, what was sealed with one of the keys (in hexadecimal)."""
    manifest = manifest_in(pdf)
    if manifest.get("key") not in keys:
        raise Broken("The seal was made with a key that is not known here: the pack was not made by this installation.")
    seal = bytes.fromhex(manifest["seal"])
    unsigned = _with_seal(pdf, _NOTHING)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest["key"])).verify(seal, _digest(unsigned))
    except (InvalidSignature, ValueError) as error:
        raise Broken("The seal does not fit the file: something in it was altered after it was sealed.") from error


def _digest(unsigned: bytes) -> bytes:
    return _PURPOSE + hashlib.sha256(unsigned).digest()


def signed_note(manifest: dict[str, Any], sha256: str, key: Ed25519PrivateKey) -> str:
    """A signature over the hash of the whole file, for the manifest that is kept beside it."""
    return key.sign(_PURPOSE + b"file:" + manifest["seal"].encode() + sha256.encode()).hex()
