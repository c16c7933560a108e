"""One use of a `%tinyflow` command, as each of them reads it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.errors import UnknownChain, UnknownRun
from tinyflow_nb_magics.arguments import Arguments, did_you_mean, no_more_words
from tinyflow_nb_magics.chain_handle import ChainHandle
from tinyflow_nb_magics.inputs import by_copy
from tinyflow_nb_magics.magic_line import MagicError, Word
from tinyflow_nb_magics.run_handle import RunHandle
from tinyflow_nb_magics.session import Session

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition


class Called(NamedTuple):
    """One use of a command."""

    session: Session
    variables: dict[str, Any]
    """The notebook's."""
    command: str
    arguments: Arguments

    def word(self, what: str) -> str:
        """The one word it takes. Raises MagicError."""
        words = [word for word in self.arguments.words if not word.is_pair]
        if not words:
            raise MagicError(f"%tinyflow {self.command} needs {what}")
        no_more_words(
            [*words[1:], *(w for w in self.arguments.words if w.is_pair)], f"%tinyflow {self.command}"
        )
        return self.text_of(words[0])

    def text_of(self, word: Word) -> str:
        """What a word says; `@name` is the text in a variable of the notebook. Raises MagicError."""
        if not word.text.startswith("@") or word.quoted:
            return word.text
        return str(by_copy(word.text[1:], self.variables, ""))

    def texts(self, *what: str) -> list[str]:
        """The words it takes, as many as are named. Raises MagicError."""
        words = self.arguments.words
        if len(words) < len(what):
            raise MagicError(f"%tinyflow {self.command} needs {what[len(words)]}")
        no_more_words(words[len(what) :], f"%tinyflow {self.command}")
        return [self.text_of(word) for word in words]

    def nothing(self) -> None:
        no_more_words(self.arguments.words, f"%tinyflow {self.command}")

    def handle(self, name: str) -> ChainHandle | None:
        """The handle this notebook has under a name."""
        bound = self.variables.get(name)
        return bound if isinstance(bound, ChainHandle) else None

    @property
    def handles(self) -> list[str]:
        """The names this notebook has handles under."""
        return [name for name in self.variables if self.handle(name)]

    def published(self, reference: str) -> ChainDefinition:
        """Raises UnknownChain, which knows this notebook's chains, too."""
        try:
            return self.session.call(self.session.executor.definition(reference))
        except UnknownChain as error:
            hint = did_you_mean(reference, self.handles)
            raise UnknownChain(
                f"no chain {reference!r} is published here; {hint}" if hint else str(error)
            ) from None

    def run(self, word: str) -> RunHandle:
        """The run of an id, or the newest of a chain's name. Raises UnknownRun."""
        handle = self.handle(word)
        if handle is not None:
            return handle.last
        try:
            self.session.call(self.session.executor.state(word))
        except UnknownRun as error:
            page = self.session.call(self.session.executor.runs(limit=200))
            known = [run.id for run in page.runs] + self.handles
            close = get_close_matches(word, known, 1)
            raise UnknownRun(
                f"no run {word!r}; did you mean {close[0]!r}?" if close else str(error)
            ) from None
        return RunHandle(self.session, word)
