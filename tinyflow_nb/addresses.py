"""Addresses as they may be shown."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"://([^@/;]*)@")


def without_password(address: str) -> str:
    """The address with `***` for its user and password."""
    return _CREDENTIALS.sub("://***@", address)
