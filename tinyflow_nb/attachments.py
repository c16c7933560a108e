"""Attachment: a small file a person puts into a form."""

from __future__ import annotations

from base64 import b64decode
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST = 1_000_000
"""Bytes. It travels in one message, and is kept with the run."""


class Attachment(BaseModel):
    """Its name, its type, and what is in it: `text` if it is UTF-8, else `base64`.

    As an answer's or an input's type it is shown as a field that takes a file of at most 1 MB.
    """

    model_config = ConfigDict(json_schema_extra={"format": "file"})

    name: str = Field(max_length=255)
    mime: str = Field("application/octet-stream", max_length=255)
    text: str | None = Field(None, max_length=LARGEST)
    base64: str | None = Field(None, max_length=(LARGEST + 2) // 3 * 4)

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        if (self.text is None) == (self.base64 is None):
            raise ValueError("a file has either text or base64")
        if len(self.content) > LARGEST:
            raise ValueError("at most 1 MB can be attached")
        return self

    @property
    def content(self) -> bytes:
        """What is in it."""
        if self.text is not None:
            return self.text.encode()
        return b64decode(self.base64 or "", validate=True)
