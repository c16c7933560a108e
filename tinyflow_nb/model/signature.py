"""Signature: who vouches for a definition. Plain data: what it is worth is for `tinyflow_nb.trust`."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple, Self

from tinyflow_nb.model.definition import ChainDefinition

FINGERPRINT = "SHA256:"
KEY_PREFIX = b"\0\0\0\x0bssh-ed25519\0\0\0 "
"""What OpenSSH writes before the 32 bytes of a public key."""
YEAR_3000 = 32_503_680_000
PURPOSE = b"tinyflow-nb signed definition 1\n"
"""No signature made for anything else can be taken for one of these."""


class Signature(NamedTuple):
    """One signer's word for one definition under one name."""

    key: str
    """The signer's public key, as the second word of an OpenSSH line has it."""
    author: str
    """What the signer calls itself; believed only if the key is."""
    at: float
    """Unix seconds."""
    name: str
    """The chain's: a definition signed as one chain is not trusted as another."""
    digest: str
    """Hex SHA-256 of the definition's JSON, so that no byte of it may change."""
    value: str
    """Base64."""

    def message(self, definition: ChainDefinition) -> bytes:
        """The bytes that are signed: everything here but the signature, and what it is about."""
        about = [
            definition.hash, definition.schema_version,
            self.name, self.digest, self.key, self.author, self.at,
        ]  # fmt: skip
        return PURPOSE + json.dumps(about, separators=(",", ":")).encode()

    @property
    def signer(self) -> str:
        """Who says to have signed, for a reader: a name of its own choice, and the key's fingerprint."""
        plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.author[:100])
        return f"{plain or 'somebody without a name'} ({self.fingerprint or 'no valid key'})"

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` of the key; "" if it is no key."""
        try:
            return fingerprint(self.key)
        except ValueError:
            return ""

    def to_json(self) -> str:
        """One line of ASCII."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError: it is no signature."""
        try:
            found = json.loads(text)
        except RecursionError:
            found = None
        if not isinstance(found, list) or len(found) != len(cls._fields):
            raise ValueError("no signature")
        key, author, at, name, digest, value = found
        if (
            not isinstance(at, int | float)
            or not 0 <= at < YEAR_3000
            or not all(isinstance(part, str) for part in (key, author, name, digest, value))
        ):
            raise ValueError("no signature")
        return cls(key, author, at, name, digest, value)


class SignedDefinition(NamedTuple):
    """What a store keeps. It is not checked: anybody may have written it there."""

    text: str
    """The definition's JSON that belongs to this signature."""
    signature: Signature


def fingerprint(key: str) -> str:
    """`SHA256:...`, as `ssh-keygen -l` shows it.

    Raises:
        ValueError: it is no Ed25519 key, or not written as one is.
    """
    hashed = hashlib.sha256(key_blob(key)).digest()
    return FINGERPRINT + base64.b64encode(hashed).decode().rstrip("=")


def key_blob(key: str) -> bytes:
    """`KEY_PREFIX` and the 32 bytes of a public key; raises ValueError as `fingerprint`."""
    try:
        blob = base64.b64decode(key, validate=True)
    except ValueError:
        blob = b""
    if len(blob) != len(KEY_PREFIX) + 32 or not blob.startswith(KEY_PREFIX):
        raise ValueError(f"{key[:80]!r} is no Ed25519 key")
    if base64.b64encode(blob).decode() != key:
        raise ValueError(f"{key!r} is not written as a key is")
    return blob


def digest_of(text: str) -> str:
    """As `Signature.digest`."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Doubt(NamedTuple):
    """Why a definition is not trusted."""

    reason: str
    """In one line, as it goes on behind "it is not executed here:"."""
    remedy: str = ""
    """What would end it, besides reading the definition and signing it oneself."""
