"""`make pictures`: docs/pictures/quickstart.svg, the README's own cell waiting for its person.

The model's two answers are given in advance, so the same text gives the same picture everywhere.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from pathlib import Path

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb_widgets import render_svg

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "I want a refund for my broken shoes."
ANSWERS = {
    "intent": lambda **_: "refund",
    "draft": lambda **_: "We are sorry about your shoes. You will have your money back within five days.",
}


def readme_cell() -> str:
    """The README's chain without its magic line."""
    found = re.search(
        r"```python\n%%tinyflow [^\n]*\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    assert found, "README.md has no %%tinyflow cell"
    return found[1]


async def picture() -> str:
    definition = ChainDefinition.from_source(readme_cell(), name="support_triage")
    async with connect("memory://", overrides=ANSWERS) as executor:
        run = await executor.execute_async(definition, {"question": QUESTION})
        async with aclosing(executor.events(run)) as events:
            async for event in events:
                if event.type == "chain.suspended":
                    break
        state = await executor.state(run)
        await executor.stop(run)
        return render_svg(definition, state)


if __name__ == "__main__":
    target = ROOT / "docs" / "pictures" / "quickstart.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(asyncio.run(picture()), encoding="utf-8")
    print(f"Drawn: {target.relative_to(ROOT)}")
