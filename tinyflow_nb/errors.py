"""Every error this package raises on purpose. The message says what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class TinyflowError(Exception):
    """The one base class."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of our stack: the message is written for the reader."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a definition. Line and column count from 1, as an editor shows them."""

    line: int
    column: int
    message: str
    hint: str = ""
    severity: str = "error"
    """"error" or "warning"; a warning alone refuses nothing."""

    def __str__(self) -> str:
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"line {self.line}, column {self.column}: {self.message}{hint}"


class DefinitionError(TinyflowError):
    """A chain's definition is wrong; `problems` has every mistake found, in reading order."""

    def __init__(self, problems: Sequence[Problem], name: str = "") -> None:
        self.problems = tuple(problems)
        self.name = name
        head = f"{name}: " if name else ""
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n  ".join([f"{head}{count}", *map(str, self.problems)]))


class InputError(TinyflowError):
    """A run's inputs are missing, unknown or of the wrong type; nothing was started.

    `missing` names the required ones that were not given.
    """

    def __init__(self, message: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class ExpressionError(TinyflowError):
    """An expression or prompt could not be evaluated."""


class ValueNotJson(TinyflowError):
    """A node gave something JSON can't hold, or would change; the message says how to mend it."""


class ChainFailed(TinyflowError):
    """The run ended FAILED. `line` is the cell's, 0 if there is none."""

    def __init__(
        self, message: str, *, run_id: str, chain: str, node: str = "", attempt: int = 0,
        line: int = 0, error: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.run_id, self.chain, self.node = run_id, chain, node
        self.attempt, self.line, self.error = attempt, line, error or {}


class ChainCancelled(TinyflowError):
    """The run was stopped."""

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class ChainSuspended(TinyflowError):
    """Only people are awaited; `forms` maps each waiting unit to its form (SEMANTICS 15)."""

    def __init__(self, message: str, *, run_id: str, forms: dict[str, Any]) -> None:
        super().__init__(message)
        self.run_id, self.forms = run_id, forms


class ChainTimeout(TinyflowError):
    """Waiting was given up; the run itself goes on as `run_id`."""

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class ResumeError(TinyflowError):
    """An answer was refused; the run is as it was. `fields` names what was wrong, if fields were."""

    def __init__(self, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class CycleError(TinyflowError):
    """Chains call each other in a circle; `path` goes from one of them back to itself."""

    def __init__(self, path: Sequence[str], message: str = "") -> None:
        self.path = tuple(path)
        super().__init__(message or f"the chains call each other in a circle: {' > '.join(self.path)}")


class DepthExceeded(TinyflowError):
    """Chains in chains, deeper than the setting `max_depth` allows."""


class DeprecatedChain(UserWarning):
    """A chain that is used should not be any more; the warning says why."""


class UnknownRun(TinyflowError):
    """No run of that id is in this store."""


class UnknownChain(TinyflowError):
    """No chain, version or definition of that name is published here."""


class NotTrusted(TinyflowError):
    """Nobody who is trusted here signed the definition, so nothing of it was executed (SEMANTICS 44).

    `reason` says in one line why not, `remedy` what to do. `diff` is what changed since the last trusted
    version of that name, or the whole source; `author` and `fingerprint` are the signer's, if there is one.
    """

    def __init__(
        self, reason: str, *, remedy: str, chain: str = "", author: str = "", fingerprint: str = "",
        diff: str = "",
    ) -> None:  # fmt: skip
        super().__init__(f"{reason}\n{remedy}")
        self.reason, self.remedy, self.chain = reason, remedy, chain
        self.author, self.fingerprint, self.diff = author, fingerprint, diff

    def _render_traceback_(self) -> list[str]:
        return [*super()._render_traceback_(), *([self.diff] if self.diff else [])]


class RunExists(TinyflowError):
    """A run of that id exists with another definition or other inputs (SEMANTICS 17)."""


class InvalidOperation(TinyflowError):
    """What was asked does not fit the run's status; nothing changed."""


class ServiceError(TinyflowError):
    """A service of `tinyflow-nb services` can't be started, stopped or found."""


class StoreError(TinyflowError):
    """The store can't be used: corrupt, read-only, full, busy, or of a newer version."""


class StoreDamaged(StoreError):
    """The store works, but what it holds of one run can't be understood."""


class SettingsError(TinyflowError):
    """An address, option or settings file is wrong."""


class MissingExtra(TinyflowError):
    """An optional part is needed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'tinyflow-nb[{extra}]'")
        self.extra = extra


class BodyFailed(TinyflowError):
    """A node's function failed in another process; `told` is the error as it was described there."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(str(told.get("message", "")))
        self.told = told


class MemoryLimit(TinyflowError):
    """A node took more memory than its process may have."""


class ProcessDied(TinyflowError):
    """The process a node ran in ended: it left, crashed or was killed."""


class SecretMissing(TinyflowError):
    """A named secret is not set where the node runs."""


class ModelError(TinyflowError):
    """A model is unknown, unreachable or gave no valid answer. `answer` is its raw text, if any."""

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer
