import { WANTED, isPressed, sentence } from "./controls.ts";
import type { Control } from "./controls.ts";
import { firstControl, html, setText } from "./dom.ts";
import { newId } from "./follower.ts";
import { hasFields, makeControl } from "./groups.ts";
import type { Ack, Json } from "./protocol.ts";
import { violations, withoutNull } from "./schema.ts";
import type { Path, Schema, Violation } from "./schema.ts";

/** What a form asks: `unit` waits for it; without one it is what a chain needs to start. */
export interface Question {
  unit: string;
  message: string;
  schema: Schema;
  initial: Json;
}

/** Sends an answer; the same id again is the same answer. */
export type Send = (answer: Json, id: string) => Promise<Ack>;

/** A question with its fields. What is wrong is said at its field, by the rules Python judges by. */
export class Form {
  readonly root: HTMLFormElement;
  readonly #schema: Schema;
  readonly #send: Send;
  readonly #id = newId();
  readonly #control: Control;
  readonly #body: HTMLFieldSetElement;
  readonly #problem = html("div", { class: "tf-problem", role: "alert" });

  constructor({ unit, message, schema, initial }: Question, send: Send) {
    this.#schema = schema;
    this.#send = send;
    const [shape, nullable] = withoutNull(schema, schema);
    const atOnce = Boolean(unit) && !nullable && isPressed(shape); // the buttons are the answer
    this.#control = makeControl(schema, { name: "", label: "", says: hasFields(shape) ? "Fields" : "Answer", root: schema, required: true,
      value: initial ?? undefined, submitNow: atOnce ? () => void this.#submit() : null });
    this.#body = html("fieldset", { class: "tf-fields" }, this.#control.root, !atOnce && html("div", { class: "tf-submit" },
      html("button", { type: "submit", class: "tf-primary" }, unit ? "Send answer" : "Start"), html("span", { class: "tf-hint" }, "Ctrl-Enter")));
    this.root = html("form", { class: "tf-form", "data-unit": unit, "data-status": "SUSPENDED", novalidate: true, tabindex: -1,
      "aria-label": unit ? `${unit}: ${message}` : message,
      onsubmit: (event: SubmitEvent) => (event.preventDefault(), void this.#submit()),
      onkeydown: (event: KeyboardEvent) => this.#key(event) },
      html("div", { class: "tf-ask" }, unit && html("b", {}, unit), html("span", {}, message)), this.#body, this.#problem);
  }

  focus(): void {
    this.root.scrollIntoView({ block: "nearest" });
    firstControl(this.root)?.focus({ preventScroll: true });
  }

  #key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void this.#submit();
  }

  /** The answer, if nothing is wrong with it. */
  #read(): Json | undefined {
    const unread: Violation[] = [];
    const value = this.#control.read([], unread);
    const refused = value === undefined ? [{ path: [], message: WANTED }]
      : violations(this.#schema, value, this.#schema).filter(({ path }) => !unread.some((one) => startsWith(path, one.path)));
    const found = [...unread, ...(unread.length && value === undefined ? [] : refused)];
    this.#control.clear();
    for (const { path, message, missing } of found) this.#control.complain(path, missing ? WANTED : sentence(message));
    return found.length ? undefined : value;
  }

  async #submit(): Promise<void> {
    if (this.#body.disabled) return; // it is on its way
    setText(this.#problem, "");
    const answer = this.#read();
    if (answer === undefined) return this.#focusWrong();
    this.root.focus({ preventScroll: true }); // a field that is switched off would lose it
    this.#body.disabled = true;
    this.root.classList.add("tf-busy");
    const ack = await this.#send(answer, this.#id);
    if (ack.ok) return; // the form goes when the run goes on
    this.#body.disabled = false;
    this.root.classList.remove("tf-busy");
    setText(this.#problem, ack.error);
    for (const [name, message] of Object.entries(ack.fields)) this.#control.complain([name], sentence(message));
    this.#focusWrong();
  }

  #focusWrong(): void {
    this.root.querySelector<HTMLElement>(".tf-wrong :is(input, textarea, select, button):not([hidden] *)")?.focus();
  }
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((part, at) => path[at] === part);
}
