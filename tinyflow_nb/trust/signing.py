"""UserTrust: signs with the user's key, and trusts the user, the team of the settings, and the list."""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tinyflow_nb.errors import NotTrusted, SettingsError
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.signature import Doubt, Signature, digest_of, fingerprint
from tinyflow_nb.settings import TrustSettings, get_settings
from tinyflow_nb.trust import keys
from tinyflow_nb.trust.files import own_folder
from tinyflow_nb.trust.trusted import Signer, TrustedList

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LONGEST_NAME = 200


class UserTrust:
    """The Trust port for a person, a worker or a program: nothing is read or made before it is needed."""

    def __init__(self, settings: TrustSettings | None = None, folder: Path | None = None) -> None:
        """
        Args:
            settings: by default those of the user's file and variables.
            folder: of the user's key and list; by default in the user's data folder.
        """
        self._given = settings
        where = folder or own_folder()
        self._key_file = where / "key.pem"
        self._list = TrustedList(where / "signers.json")
        self._pair: tuple[Ed25519PrivateKey, str] | None = None
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ the port

    def sign(self, definition: ChainDefinition) -> Signature:
        """With the key of the settings, else the user's own, made on first use.

        Raises:
            NotTrusted: that key was revoked here.
            SettingsError: there is no usable key.
        """
        private, public = self._signer()
        if self._is_revoked(fingerprint(public)):  # another process may have made another key
            self._pair = None
            private, public = self._signer()
        mine = fingerprint(public)
        if self._is_revoked(mine):
            raise NotTrusted(
                f"your own key {mine} is revoked here, so nothing can be submitted with it",
                remedy="tinyflow-nb trust key --new makes another", fingerprint=mine,
            )  # fmt: skip
        digest = digest_of(definition.to_json())
        unsigned = Signature(public, self.author, round(time.time(), 3), definition.name, digest, "")
        value = base64.b64encode(private.sign(unsigned.message(definition))).decode()
        return unsigned._replace(value=value)

    def distrust(self, signature: Signature, definition: ChainDefinition) -> Doubt | None:
        """Why a definition is not executed here on the strength of this signature; None if it is."""
        mark, who = signature.fingerprint, signature.signer
        if not mark or not is_genuine(signature, definition):
            return Doubt(f"it was altered after {who} signed it")
        try:
            if self._is_revoked(mark):
                return Doubt(f"it is signed by {who}, whose key is revoked here")
            if self.is_trusted(mark):
                return None
        except SettingsError as error:
            return Doubt(f"it is signed by {who}, and whom to trust can't be found out: {error}")
        return Doubt(
            f"it is signed by {who}, who is not trusted here",
            f"or trust whatever its author signs: tinyflow-nb trust add {mark}",
        )

    def epoch(self) -> int:
        """Moves on when the list changes: what was trusted before has to be asked for again."""
        return self._list.look()

    # ------------------------------------------------------------------ who is who

    @property
    def author(self) -> str:
        """What signatures made here say who made them."""
        return (self._settings.author or _default_author())[:LONGEST_NAME]

    def own_fingerprint(self) -> str:
        """Of the key that signs here; it is made if there is none. Raises SettingsError."""
        return fingerprint(self._signer()[1])

    def own_line(self) -> str:
        """The same key as the line others add to trust it. Raises SettingsError."""
        return f"{keys.KIND} {self._signer()[1]} {self.author}"

    def is_trusted(self, fingerprint: str) -> bool:
        """Whether it is the user's own key, one of the settings or of the list, and not revoked."""
        if self._is_revoked(fingerprint):
            return False
        known = self._list.known().get(fingerprint)
        return (
            (known is not None and known.state == "trusted")
            or fingerprint in self._team().values()
            or fingerprint in self._own_keys()
        )

    def signers(self) -> list[Signer]:
        """Everybody who is known here, the user's own key first."""
        found = {mark: Signer(mark, self.author, "own", "key") for mark in self._own_keys()}
        for name, mark in self._team().items():
            found.setdefault(mark, Signer(mark, name, "trusted", "settings"))
        for mark, known in self._list.known().items():
            found[mark] = Signer(mark, known.name, known.state, "file")
        for mark in self._revoked():
            name = found[mark].name if mark in found else ""
            found[mark] = Signer(mark, name, "revoked", "settings")
        return sorted(found.values(), key=lambda s: (("own", "trusted", "revoked").index(s.state), s.name))

    def add(self, key: str, name: str) -> Signer:
        """Trust a signer.

        Args:
            key: its public key or fingerprint.
            name: what the user calls it; by default what stands behind the key.

        Raises:
            SettingsError: it is neither, or was revoked.
        """
        mark = _mark(key, "the signer to trust")
        if self._is_revoked(mark):
            raise SettingsError(f"{mark} was revoked here, which is for good: let its owner make another key")
        name = name or " ".join(key.split()[2:])
        self._list.put(mark, name, "trusted")
        return Signer(mark, name, "trusted", "file")

    def revoke(self, who: str, name: str = "") -> Signer:
        """Never trust a signer again, whoever else says so: not even the user's own key.

        Args:
            who: its public key or fingerprint, or its name here.

        Raises:
            SettingsError: it is none of these, or the list can't be written.
        """
        known = {s.fingerprint: s.name for s in self.signers()}
        named = [mark for mark, called in known.items() if called == who]
        if len(named) > 1:
            raise SettingsError(f"several signers are called {who!r}; give the fingerprint: trust list")
        mark = named[0] if named else _mark(who, "the signer to revoke")
        name = name or known.get(mark, "")
        self._list.put(mark, name, "revoked")
        return Signer(mark, name, "revoked", "file")

    def renew_key(self) -> None:
        """Make the user another key; what the old one signed stays trusted, unless it is revoked.

        Raises:
            SettingsError: the key is not this user's file.
        """
        if self._settings.key_variable or self._settings.key_file:
            raise SettingsError("the settings of [trust] name the signing key: renew it where it comes from")
        old = fingerprint(self._signer()[1])
        if not self._is_revoked(old):
            self._list.put(old, self.author, "trusted")
        keys.make_key_file(self._key_file, anew=True)
        self._pair = None

    # ------------------------------------------------------------------ inside

    @property
    def _settings(self) -> TrustSettings:
        return get_settings().trust if self._given is None else self._given

    def _team(self) -> dict[str, str]:
        return {n: _mark(key, f"[trust.keys] {n}") for n, key in self._settings.keys.items()}

    def _revoked(self) -> set[str]:
        return {_mark(key, "`revoked` of [trust]") for key in self._settings.revoked}

    def _is_revoked(self, fingerprint: str) -> bool:
        known = self._list.known().get(fingerprint)
        return (known is not None and known.state == "revoked") or fingerprint in self._revoked()

    def _own_keys(self) -> set[str]:
        """The signing key's and the user's own, if there are any: none is made to find that out."""
        pair = self._pair or self._given_pair()
        own = keys.read_key_file(self._key_file)
        publics = ([pair[1]] if pair else []) + ([keys.public_part(own)] if own else [])
        return {fingerprint(public) for public in publics}

    def _signer(self) -> tuple[Ed25519PrivateKey, str]:
        """The private key and its public part."""
        with self._lock:
            if self._pair is None:
                self._pair = self._given_pair()
            if self._pair is None:
                private = keys.make_key_file(self._key_file)
                self._pair = private, keys.public_part(private)
            return self._pair

    def _given_pair(self) -> tuple[Ed25519PrivateKey, str] | None:
        settings = self._settings
        if settings.key_variable:
            text = os.environ.get(settings.key_variable)
            if not text:
                raise SettingsError(
                    f"the variable {settings.key_variable}, named by [trust], holds no signing key"
                )
            private = keys.read_private(text, f"the variable {settings.key_variable}")
        elif settings.key_file:
            found = keys.read_key_file(Path(settings.key_file).expanduser())
            if found is None:
                raise SettingsError(f"there is no signing key {settings.key_file}, named by [trust]")
            private = found
        else:
            return None
        return private, keys.public_part(private)


def is_genuine(signature: Signature, definition: ChainDefinition) -> bool:
    """Whether the key's owner signed exactly this. The text's digest is checked by who has the text."""
    from cryptography.exceptions import InvalidSignature

    try:
        value = base64.b64decode(signature.value, validate=True)
        keys.public_key(signature.key).verify(value, signature.message(definition))
    except (InvalidSignature, ValueError):
        return False
    return signature.name == definition.name


def _mark(key: str, what: str) -> str:
    try:
        return keys.fingerprint_of(key)
    except ValueError as error:
        raise SettingsError(f"{what}: {error}") from None


def _default_author() -> str:
    user = f"user {os.getuid()}"
    with contextlib.suppress(OSError, KeyError):
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"
