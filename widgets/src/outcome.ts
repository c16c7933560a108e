import { html } from "./dom.ts";
import { failure } from "./failure.ts";
import type { Context, Panel } from "./panel.ts";
import type { AnswerPicture, Change, Picture } from "./protocol.ts";
import { reachable } from "./scroller.ts";
import { asText, copyButton, shown } from "./value.ts";

function answerRecord({ unit, who, at, fields }: AnswerPicture): HTMLElement {
  const when = at ? new Date(at * 1000) : null;
  return html("div", { class: "tf-answer" }, html("div", {}, html("b", {}, unit), ` answered by ${who}`,
    when && html("time", { datetime: when.toISOString() }, ` · ${when.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })}`)),
    reachable(html(fields.every(([label]) => label) ? "dl" : "div", { class: "tf-told" },
      ...fields.flatMap(([label, text]) => [label && html("dt", {}, label), html(label ? "dd" : "div", {}, text)]))));
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
    const why = error?.node && html("button", { class: "tf-button", onclick: () => this.#context.open(error.node) },
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
        copyButton(() => asText(run.result), "the result")), reachable(html("div", { class: "tf-resultbody", role: "group", "aria-label": "Result" }, shown(run.result))));
    this.root.replaceChildren(...(done ? [done] : []));
  }
}
