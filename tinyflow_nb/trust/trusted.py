"""The list of the signers a user trusts or has revoked: a small file, read again when it changes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from tinyflow_nb.errors import SettingsError
from tinyflow_nb.trust.files import locked, write_private
from tinyflow_nb.trust.keys import fingerprint_of

LOOK_SECONDS = 0.5
"""How often it is looked whether the file changed."""


class Known(BaseModel):
    """One signer on the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: Literal["trusted", "revoked"]
    at: float
    """When it came on the list; Unix seconds."""


class TrustFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    signers: dict[str, Known] = {}
    """By fingerprint."""


class Signer(NamedTuple):
    """One signer as it is shown."""

    fingerprint: str
    name: str
    state: Literal["own", "trusted", "revoked"]
    source: Literal["file", "settings", "key"]


class TrustedList:
    """What one file says; `epoch` moves on when it changes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.epoch = 0
        self._signers: dict[str, Known] = {}
        self._trouble = ""
        self._seen: object = ()
        self._look_at = 0.0

    def look(self) -> int:
        """The epoch, after looking whether the file changed: twice a second at most."""
        now = time.monotonic()
        if now >= self._look_at:
            seen = self._stamp()
            if seen != self._seen:
                self._take()
                self._seen = seen
                self.epoch += 1
            self._look_at = now + LOOK_SECONDS
        return self.epoch

    def known(self) -> dict[str, Known]:
        """By fingerprint.

        Raises:
            SettingsError: the file can't be read.
        """
        self.look()
        if self._trouble:
            raise SettingsError(self._trouble)
        return self._signers

    def put(self, fingerprint: str, name: str, state: Literal["trusted", "revoked"]) -> None:
        """Trust a signer, or revoke it.

        Raises:
            SettingsError: the file can't be written or understood.
        """
        try:
            with locked(self.file.parent):
                found = self._read()
                found.signers[fingerprint] = Known(name=name, state=state, at=round(time.time(), 3))
                write_private(self.file, found.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise SettingsError(f"{self.file} can't be written: {error}") from None
        self._look_at = 0.0

    def _stamp(self) -> object:
        try:
            found = self.file.stat()
        except OSError as error:
            return error.errno
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _take(self) -> None:
        self._signers, self._trouble = {}, ""
        try:
            self._signers = self._read().signers
        except SettingsError as error:
            self._trouble = str(error)

    def _read(self) -> TrustFile:
        try:
            found = TrustFile.model_validate_json(self.file.read_text("utf-8"))
            for fingerprint in found.signers:
                fingerprint_of(fingerprint)
        except (FileNotFoundError, NotADirectoryError):
            return TrustFile()
        except (OSError, UnicodeDecodeError, ValidationError, ValueError) as error:
            raise SettingsError(
                f"the list of trusted signers in {self.file} can't be read: {error}; nobody's code is"
                " executed before it is mended"
            ) from None
        return found
