import { html } from "./dom.ts";
import type { Panel } from "./panel.ts";
import type { AnswerPicture, Change, ErrorPicture, Json, Picture } from "./protocol.ts";

/** A value to read: text as it is, anything else as JSON. */
export function value(of: Json): HTMLElement {
  const plain = typeof of === "string";
  return html("pre", { class: plain ? "tf-text" : "tf-text tf-code" }, plain ? of : JSON.stringify(of, null, 2));
}

function errorPanel(error: ErrorPicture): HTMLElement {
  const where = [error.node && `node ${error.node}`, error.attempt > 1 && `attempt ${error.attempt}`].filter(Boolean);
  const more = (title: string, text: string) => text && html("details", {}, html("summary", {}, title),
    html("pre", { class: "tf-text tf-code" }, text));
  return html("section", { class: "tf-error", "data-status": "FAILED", role: "alert" },
    html("div", { class: "tf-errortitle" }, error.title),
    where.length > 0 && html("div", { class: "tf-hint" }, where.join(" · ")),
    error.code && html("div", { class: "tf-codeline" }, html("span", {}, `line ${error.line}`), html("code", {}, error.code)),
    more("Traceback", error.traceback), more("The model's answer", error.answer));
}

function answerRecord(answer: AnswerPicture): HTMLElement {
  const at = answer.at ? ` at ${new Date(answer.at * 1000).toLocaleTimeString()}` : "";
  const plain = typeof answer.answer === "string";
  const text = plain ? (answer.answer as string) : JSON.stringify(answer.answer);
  return html("div", { class: "tf-answer" }, html("b", {}, answer.unit),
    html("span", {}, ` answered by ${answer.who || "somebody"}${at}: `), html(plain ? "q" : "code", {}, text ?? ""));
}

/** What went wrong, with the cell's line. */
export class Errors implements Panel {
  readonly root = html("div");

  update({ run }: Picture, delta: Change | null): void {
    if (!delta || delta.run) this.root.replaceChildren(...(run.error ? [errorPanel(run.error)] : []));
  }
}

/** Who answered what. */
export class Answers implements Panel {
  readonly root = html("div");

  update({ answers }: Picture, delta: Change | null): void {
    if (!delta || delta.answers) this.root.replaceChildren(...answers.map(answerRecord));
  }
}

export class Result implements Panel {
  readonly root = html("div");

  update({ run }: Picture, delta: Change | null): void {
    if (delta && !delta.run) return;
    const shown = run.status === "SUCCEEDED" && html("section", { class: "tf-result" },
      html("header", { class: "tf-blockhead" }, html("b", {}, "Result")), value(run.result ?? null));
    this.root.replaceChildren(...(shown ? [shown] : []));
  }
}
