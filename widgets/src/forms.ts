import { makeField } from "./controls.ts";
import type { Control } from "./controls.ts";
import { html, setText } from "./dom.ts";
import { newId } from "./follower.ts";
import type { Context, Panel } from "./panel.ts";
import type { Action, Change, FormPicture, Json, Picture } from "./protocol.ts";

/** One question of a waiting node, or what a chain needs to start. */
class Form {
  readonly root: HTMLFormElement;
  private readonly context: Context;
  private readonly form: FormPicture;
  private readonly id = newId();
  private readonly fields: Control[];
  private readonly body: HTMLFieldSetElement;
  private readonly problem = html("div", { class: "tf-problem", role: "alert" });

  constructor(form: FormPicture, context: Context) {
    this.form = form;
    this.context = context;
    const [first, ...more] = form.fields;
    const short = first?.kind === "boolean" || (first?.kind === "choice" && (first.choices?.length ?? 0) <= 6);
    const atOnce = short && !more.length && form.unit; // the buttons are the answer
    this.fields = form.fields.map((field) => makeField(field, atOnce ? () => void this.submit() : null));
    const button = html("button", { type: "submit", class: "tf-primary" }, form.unit ? "Send answer" : "Start");
    this.body = html("fieldset", { class: "tf-fields" }, ...this.fields.map((field) => field.root),
      !atOnce && html("div", { class: "tf-submit" }, button, html("span", { class: "tf-hint" }, "Ctrl-Enter")));
    this.root = html("form", { class: "tf-form", "data-unit": form.unit, "data-status": "SUSPENDED", novalidate: true,
      "aria-label": form.unit ? `${form.unit}: ${form.message}` : form.message,
      onsubmit: (event: SubmitEvent) => (event.preventDefault(), void this.submit()),
      onkeydown: (event: KeyboardEvent) => this.key(event) },
      html("header", { class: "tf-ask" }, form.unit && html("b", {}, form.unit), html("span", {}, form.message)),
      this.body, this.problem);
  }

  focus(): void {
    this.root.scrollIntoView({ block: "nearest" });
    this.root.querySelector<HTMLElement>("input, textarea, select, button")?.focus({ preventScroll: true });
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void this.submit();
  }

  private read(): Record<string, Json> | null {
    let fine = true;
    const answer: Record<string, Json> = {};
    for (const { field, read, complain } of this.fields) {
      const { value, error } = read();
      complain(error ?? "");
      if (error) fine = false;
      else if (value !== undefined) answer[field.name] = value;
    }
    return fine ? answer : null;
  }

  private async submit(): Promise<void> {
    if (this.body.disabled) return; // it is on its way
    setText(this.problem, "");
    const answer = this.read();
    if (!answer) {
      this.root.querySelector<HTMLElement>(".tf-wrong :is(input, textarea, select, button)")?.focus();
      return;
    }
    this.body.disabled = true;
    this.root.classList.add("tf-busy");
    const ack = await this.context.follower.act(this.action(answer), this.id);
    if (ack.ok) return; // the form goes when the run goes on
    this.body.disabled = false;
    this.root.classList.remove("tf-busy");
    setText(this.problem, ack.error);
    for (const { field, complain } of this.fields) complain(ack.fields[field.name] ?? "");
  }

  private action(answer: Record<string, Json>): Action {
    const { unit, fields } = this.form;
    if (!unit) return { type: "start", inputs: answer };
    const bare = fields.length === 1 && fields[0]?.name === "";
    return { type: "resume", unit, answer: bare ? answer[""] ?? null : answer, answer_id: this.id };
  }
}

/** The open forms of the run. */
export class Forms implements Panel {
  readonly root = html("div", { class: "tf-forms" });
  private readonly forms = new Map<string, { unit: string; form: Form }>();
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /** A form that is still open keeps its element: what the reader typed stays. */
  update({ forms }: Picture, delta: Change | null): void {
    if (delta && !delta.forms) return;
    const open = new Set(forms.map((form) => form.key));
    for (const [key, { form }] of this.forms) {
      if (open.has(key)) continue;
      form.root.remove();
      this.forms.delete(key);
    }
    for (const picture of forms) {
      if (this.forms.has(picture.key)) continue;
      const form = new Form(picture, this.context);
      this.forms.set(picture.key, { unit: picture.unit, form });
      this.root.append(form.root);
    }
  }

  /** Brings a node's form into sight; whether it has one. */
  reveal(belongs: (unit: string) => boolean): boolean {
    for (const { unit, form } of this.forms.values()) {
      if (!belongs(unit)) continue;
      form.focus();
      return true;
    }
    return false;
  }
}
