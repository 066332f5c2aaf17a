"""What must be kept but never shown: keys and tokens of other services, encrypted with a key made from the application's own secret."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class CannotRead(ValueError):
    """The secret was written under another SECRET_KEY: it must be entered again."""


def encrypt(plain: str) -> bytes:
    """The secret as it is stored."""
    return _fernet().encrypt(plain.encode())


def decrypt(stored: bytes | memoryview) -> str:
    """The secret itself. CannotRead where SECRET_KEY has changed since it was stored."""
    try:
        return _fernet().decrypt(bytes(stored)).decode()
    except InvalidToken:
        raise CannotRead("This key was stored under another SECRET_KEY: enter it again.") from None


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"handrail secrets:" + settings.SECRET_KEY.encode()).digest()))
