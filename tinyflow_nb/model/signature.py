"""Signature: who vouches for a definition. Plain data: what it is worth is for `tinyflow_nb.trust`."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple, Self

from tinyflow_nb.model.definition import ChainDefinition

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
            definition.hash, definition.schema_version, self.name, self.digest, self.key, self.author, self.at,
        ]  # fmt: skip
        return PURPOSE + json.dumps(about, separators=(",", ":")).encode()

    def to_json(self) -> str:
        """One line of ASCII."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError: it is no signature."""
        found = json.loads(text)
        if not isinstance(found, list) or len(found) != len(cls._fields):
            raise ValueError("no signature")
        key, author, at, name, digest, value = found
        if not isinstance(at, int | float) or not all(
            isinstance(part, str) for part in (key, author, name, digest, value)
        ):
            raise ValueError("no signature")
        return cls(key, author, at, name, digest, value)


class SignedDefinition(NamedTuple):
    """What a store keeps. It is not checked: anybody may have written it there."""

    text: str
    """The definition's JSON that belongs to this signature."""
    signature: Signature


def digest_of(text: str) -> str:
    """As `Signature.digest`."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
