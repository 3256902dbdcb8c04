"""Hashes of images: ours are hex, those of the public API are base64 of the same 32 bytes. Pure."""

from __future__ import annotations

import base64
import binascii


def image_hash(sha256: str) -> str:
    """Our hex → the API's base64."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def sha256_of(image_hash: str) -> str | None:
    """The API's hash → hex; None for text that is no hash."""
    try:
        raw = base64.b64decode(image_hash, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 32 else None
