import { html } from "./dom.ts";
import type { Failure } from "./protocol.ts";
import { copyButton } from "./value.ts";

/** An error to act on: what, where in the cell, what to do; the rest is one click away. */
export function failure(error: Failure, ...actions: (Node | false)[]): HTMLElement {
  const more = (title: string, text: string) => text && html("details", {}, html("summary", {}, title),
    html("div", { class: "tf-copied" }, html("pre", { class: "tf-text tf-code" }, text), copyButton(() => text, title.toLowerCase())));
  const whole = error.message.trim();
  return html("section", { class: "tf-error", "data-status": "FAILED", role: "alert" },
    html("div", { class: "tf-errortitle" }, error.title),
    error.path.length > 0 && html("ol", { class: "tf-path" }, ...error.path.map((step) => html("li", {}, step))),
    code(error.excerpt, error.line),
    error.fix && html("p", { class: "tf-fix" }, html("b", {}, "What to do: "), error.fix),
    actions.length > 0 && html("div", { class: "tf-actions" }, ...actions),
    more("Whole message", whole.includes("\n") ? whole : ""),
    more("The model's answer", error.answer), more("Traceback", error.traceback));
}

/** Lines of the cell by their numbers; `marked` is where it failed. */
export function code(lines: [number: number, text: string][], marked = 0): HTMLElement | false {
  return lines.length > 0 && html("div", { class: "tf-source", tabindex: "0", role: "group", "aria-label": "Source" },
    ...lines.map(([number, text]) => html("div", { class: number === marked ? "tf-line tf-marked" : "tf-line" },
      html("span", { class: "tf-lineno" }, String(number)),
      html("code", {}, text || " "), number === marked && html("span", { class: "tf-spoken" }, " (here)"))));
}
