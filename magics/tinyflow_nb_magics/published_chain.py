"""PublishedChain: what `%tinyflow show NAME@2` gives."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from tinyflow_nb_magics.chain_handle import ChainHandle
from tinyflow_nb_magics.session import Session
from tinyflow_nb_magics.tables import moment

if TYPE_CHECKING:
    from tinyflow_nb.engine.chain_card import ChainCard


class PublishedChain(ChainHandle):
    """A handle that shows all there is to say of its version, with its source."""

    def __init__(self, session: Session, card: ChainCard, reference: str) -> None:
        super().__init__(session, card.definition, reference=reference)
        self.card = card

    def __repr__(self) -> str:
        facts = self.card.facts(moment)
        width = max(len(name) for name, _ in facts)
        lines = [f"{name.ljust(width)}  {text}" for name, text in facts]
        return "\n".join([*lines, "", self.definition.source.strip("\n")])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from tinyflow_nb_widgets import render_svg

        svg = render_svg(self.definition)
        rows = "".join(
            f'<tr><th style="text-align:left">{name}</th>'
            f'<td style="text-align:left">{html.escape(text)}</td></tr>'
            for name, text in self.card.facts(moment)
        )
        source = html.escape(self.definition.source.strip("\n"))
        page = f"{svg}<table><tbody>{rows}</tbody></table><pre>{source}</pre>"
        return {"text/plain": repr(self), "image/svg+xml": svg, "text/html": page}
