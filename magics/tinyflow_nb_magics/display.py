"""Showing runs and chains as outputs of the running cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import InvalidOperation, MissingExtra, ResumeError, TinyflowError
from tinyflow_nb.model.events import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.state import ChainState
    from tinyflow_nb_magics.session import Session
    from tinyflow_nb_widgets import RunView
    from tinyflow_nb_widgets.below import Below


def show_run(session: Session, run_id: str, *, from_start: bool = False) -> None:
    """Show a run live; of one that has ended the notebook has the picture at once.

    Args:
        from_start: the run was started by this cell: show it live however quick it was.
    """
    executor = session.executor
    state = session.call(executor.state(run_id))
    definition = session.call(executor.registry.get(state.definition_hash))
    if state.status.terminal and not from_start:
        _show_ended(session, definition, state)
        return
    view = run_view(session, definition, None if from_start else state, run_id)
    view.display()
    session.follow(run_id, view)


def _show_ended(session: Session, definition: ChainDefinition, state: ChainState) -> None:
    events = session.call(session.executor.recorded(state.id))
    try:
        view = run_view(session, definition, state, state.id, events=events)
    except MissingExtra:
        publish(final_picture(definition, state, events))
        return
    view.display()
    session.keep(state.id, view)


def final_picture(definition: ChainDefinition, state: ChainState, events: Iterable[Event]) -> dict[str, str]:
    """A run by mime type: text, and its graph with result, error and streamed texts."""
    from tinyflow_nb_widgets import render_svg
    from tinyflow_nb_widgets.html import render_fragment, render_text
    from tinyflow_nb_widgets.streams import Streams

    streams = Streams()
    for event in events:
        if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG):
            streams.take(event)
    texts = streams.texts()
    return {
        "text/plain": render_text(definition, state),
        "text/html": render_fragment(definition, state, streams=texts),
        "image/svg+xml": render_svg(definition, state, streams=texts),
    }


def publish(bundle: Mapping[str, Any]) -> None:
    """An output of the running cell, by mime type."""
    from IPython.display import display

    show: Any = display  # untyped in IPython
    show(dict(bundle), raw=True)


def run_view(
    session: Session, definition: ChainDefinition, state: ChainState | None, run_id: str,
    start: Callable[[dict[str, Any]], str] | None = None, wire: Below | None = None,
    events: Sequence[Event] = (),
) -> RunView:  # fmt: skip
    """A live view whose buttons and forms act on the run; without a run on the one `start` makes.

    Args:
        wire: of a view inside another one; None: it is an output of its own.
        events: what has happened up to `state`; without them it has to be fed from the first on.

    Raises:
        MissingExtra: the notebook's widgets are not installed.
    """
    try:
        from tinyflow_nb_widgets import RunView
    except ImportError as error:
        raise MissingExtra("the live view", "lab") from error
    current = run_id

    def act(action: dict[str, Any]) -> dict[str, Any]:
        nonlocal current
        try:
            match action["type"]:
                case "resume":
                    answer_id = str(action.get("answer_id") or "")
                    session.resume(current, action.get("answer"), node=action["unit"], answer_id=answer_id)
                case "stop":
                    session.stop(current)
                case "retry":
                    session.retry(current)
                case "start" if start is not None:
                    current = start(action["inputs"])
                    session.follow(current, view)
                case other:
                    return {"ok": False, "error": f"nothing here can {other}"}
        except TinyflowError as error:
            return refusal(error)
        return {"ok": True}

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        from tinyflow_nb_magics.single_node import prompt_in_run

        match question["type"]:
            case "prompt":
                prompt = session.call(prompt_in_run(session.executor, current, question["unit"]))
                return {"messages": list(prompt)}
            case "page":
                return {"html": page_of(session, current)}
            case other:
                raise InvalidOperation(f"nothing here knows {other}")

    def below(unit: str, inner: Below) -> RunView:
        return view_below(session, current, unit, inner)

    view = RunView(
        definition, state, on_action=act, on_question=answer, open_below=below, wire=wire, events=events
    )
    return view


def view_below(session: Session, run_id: str, unit: str, wire: Below) -> RunView:
    """The view of the chain that a unit has started.

    Raises:
        InvalidOperation: it has started none.
        UnknownRun: the chain's run has just been asked for, or is gone.
    """
    executor = session.executor
    above = session.call(executor.state(run_id))
    child = next((u.child for u in above.units() if u.id == unit), "")
    if not child:
        raise InvalidOperation(f"{unit} has no chain below it yet")
    state = session.call(executor.state(child))
    definition = session.call(executor.registry.get(state.definition_hash))
    view = run_view(session, definition, state, child, wire=wire)
    session.follow(child, view)
    return view


def picture_of(session: Session, run_id: str) -> dict[str, str]:
    """The run as it stands, by mime type. Raises UnknownRun."""
    executor = session.executor
    state = session.call(executor.state(run_id))
    definition = session.call(executor.registry.get(state.definition_hash))
    return final_picture(definition, state, session.call(executor.recorded(run_id)))


def page_of(session: Session, run_id: str) -> str:
    """The run as a page that needs nothing else, the chains below it too. Raises UnknownRun."""
    from tinyflow_nb_magics.run_story import story_of
    from tinyflow_nb_widgets.html import render_story

    return render_story(session.call(story_of(session.executor, run_id)))


def refusal(error: TinyflowError) -> dict[str, Any]:
    """What a page is told of an action that was refused."""
    fields = error.fields if isinstance(error, ResumeError) else ()
    return {"ok": False, "error": str(error), "fields": {f: _about(f, str(error)) for f in fields}}


def _about(field: str, message: str) -> str:
    """What an answer's error says of one field."""
    own = [part for part in message.split("; ") if part.startswith(field)]
    return "; ".join(part.removeprefix(field).lstrip(": ") for part in own) or message
