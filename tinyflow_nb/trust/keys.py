"""Ed25519 keys, in the forms other tools know: PKCS 8 or OpenSSH files, OpenSSH lines and fingerprints."""

from __future__ import annotations

import base64
import binascii
import contextlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.signature import FINGERPRINT, KEY_PREFIX, fingerprint, key_blob
from tinyflow_nb.trust.files import locked, write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KIND = "ssh-ed25519"
_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a private key by PKCS 8."""
_PEM = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")


def public_key(key: str) -> Ed25519PublicKey:
    """The key of an OpenSSH line's second word.

    Raises:
        ValueError: it is none.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(key_blob(key)[len(KEY_PREFIX) :])


def public_part(private: Ed25519PrivateKey) -> str:
    """The public key as `Signature.key` has it."""
    return base64.b64encode(KEY_PREFIX + private.public_key().public_bytes_raw()).decode()


def fingerprint_of(text: str) -> str:
    """Of a public key (`ssh-ed25519 AAAA... comment`, or its second word), or the fingerprint it is.

    Raises:
        ValueError: it is none of these.
    """
    words = text.split()
    if len(words) == 1 and text.startswith(FINGERPRINT):
        try:
            hashed = base64.b64decode(text.removeprefix(FINGERPRINT) + "=", validate=True)
        except (binascii.Error, ValueError):
            hashed = b""
        if len(hashed) != 32:
            raise ValueError(f"{text!r} is no whole fingerprint")
        return text
    if words[:1] == [KIND]:
        words = words[1:]
    if not words:
        raise ValueError(f"{text!r} is no key; one begins with {KIND} AAAA, a fingerprint with {FINGERPRINT}")
    return fingerprint(words[0])


def is_signer(word: str) -> bool:
    """Whether it is written as a key or a fingerprint is, not as a chain's name or a run's id."""
    return word.startswith((FINGERPRINT, KIND))


def read_private(text: str, where: str) -> Ed25519PrivateKey:
    """
    Raises:
        SettingsError: it is no Ed25519 key, or has a passphrase.
    """
    from cryptography.hazmat.primitives.asymmetric import ed25519

    lines = text.strip().splitlines()
    if lines[:1] == [_PEM[0]]:  # our own files: read so, they spare a slow import
        with contextlib.suppress(ValueError):
            raw = base64.b64decode("".join(lines[1:-1]), validate=True)
            if raw.startswith(_PRIVATE):
                return ed25519.Ed25519PrivateKey.from_private_bytes(raw[len(_PRIVATE) :])
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    is_openssh = lines[:1] == ["-----BEGIN OPENSSH PRIVATE KEY-----"]
    load = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        key = load(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError(
            f"{where} holds no private key without a passphrase; PKCS 8 and OpenSSH files are read"
        ) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SettingsError(f"the key in {where} is not of the kind Ed25519: ssh-keygen -t ed25519 makes one")
    return key


def read_key_file(file: Path) -> Ed25519PrivateKey | None:
    """None if there is no such file.

    Raises:
        SettingsError: others may read it, or it is no key.
    """
    try:
        mode = file.stat().st_mode
        text = file.read_text("ascii")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the signing key in {file} can't be read: {error}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"others may read the signing key in {file}: chmod 600 {file}")
    return read_private(text, str(file))


def make_key_file(file: Path, *, anew: bool = False) -> Ed25519PrivateKey:
    """The file's key; it is made if there is none. Of several processes that do so at once, one does.

    Args:
        anew: replace the one there is.

    Raises:
        SettingsError: it can't be made or read.
    """
    found = None if anew else read_key_file(file)
    if found is not None:
        return found
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        with locked(file.parent):
            found = None if anew else read_key_file(file)
            if found is None:
                raw = Ed25519PrivateKey.generate().private_bytes_raw()
                encoded = base64.b64encode(_PRIVATE + raw).decode()
                write_private(file, "\n".join((_PEM[0], encoded, _PEM[1], "")))
                found = read_key_file(file)
    except OSError as error:
        raise SettingsError(
            f"your signing key can't be kept in {file}: {error}; name a key of your own by"
            " TINYFLOW_TRUST__KEY_FILE, or a variable that holds one by TINYFLOW_TRUST__KEY_VARIABLE"
        ) from None
    assert found is not None
    return found
