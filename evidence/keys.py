"""Where the key of the seal comes from: a setting of its own, or the application's secret. The only module here that reads settings."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from evidence.seal import private_key


def sealing_key() -> Ed25519PrivateKey:
    """EVIDENCE_SEAL_SECRET, so that SECRET_KEY can be changed without new packs looking foreign; SECRET_KEY where it is not set."""
    return private_key(settings.EVIDENCE_SEAL_SECRET or settings.SECRET_KEY)
