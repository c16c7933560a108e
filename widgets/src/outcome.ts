import { html } from "./dom.ts";
import { failure } from "./failure.ts";
import type { Context, Panel } from "./panel.ts";
import type { AnswerPicture, Change, Picture } from "./protocol.ts";
import { asText, copyButton, shown } from "./value.ts";

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
  readonly #context: Context;
  #drawn = "";

  constructor(context: Context) {
    this.#context = context;
  }

  update({ run }: Picture, delta: Change | null): void {
    if (delta && !delta.run) return;
    const { error } = run;
    const key = JSON.stringify(error);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const why = error?.node && html("button", { type: "button", class: "tf-button", onclick: () => this.#context.open(error.node) },
      `Why? What ${error.node} was given`);
    this.root.replaceChildren(...(error ? [failure(error, ...(why ? [why] : []))] : []));
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
    const done = run.status === "SUCCEEDED" && html("section", { class: "tf-result" },
      html("header", { class: "tf-blockhead" }, html("b", {}, "Result"), html("span", { class: "tf-space" }),
        copyButton(() => asText(run.result), "the result")), html("div", { class: "tf-resultbody" }, shown(run.result)));
    this.root.replaceChildren(...(done ? [done] : []));
  }
}
