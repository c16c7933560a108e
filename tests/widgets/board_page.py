"""A page with a board on it, and a test in the place of the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.widgets.page import empty_page
from tinyflow_nb_widgets.styles import board_css

# Stands in for the model a notebook gives: `window.reply` is said to every action, with the picture.
FAKE_BOARD = """async ([source, picture]) => {
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  let heard;
  window.reply = {ok: true, error: "", fields: {}};
  const view = () => Object.assign(document.createElement("p"), {textContent: "The view of a run"});
  const model = {get: () => picture, on: (_, f) => (heard = f), off: () => {},
    widget_manager: {get_model: async () => ({}), create_view: async () => ({el: view(), remove() {}})},
    send: ({type, id, action}) => {
      const more = action?.type === "open" ? {model_id: "m"} : {picture};
      if (type === "action") heard({type: "ack", id, ...window.reply, ...more});
    }};
  await module.default.render({model, el: document.getElementById("out")});
}"""


def fill_board(page: Any, picture: dict[str, Any], source: Path) -> None:
    """Put a board on an empty page. Errors of the page are kept in `page.problems`."""
    empty_page(page)
    page.add_style_tag(content=board_css())
    page.evaluate(FAKE_BOARD, [source.read_text(), picture])
