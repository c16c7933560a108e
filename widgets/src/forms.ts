import { html } from "./dom.ts";
import { Form } from "./form.ts";
import type { Context, Panel } from "./panel.ts";
import type { Action, Change, FormPicture, Json, Picture } from "./protocol.ts";

/** The open forms of the run. */
export class Forms implements Panel {
  readonly root = html("div", { class: "tf-forms" });
  readonly #forms = new Map<string, { unit: string; form: Form }>();
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** A form that is still open keeps its element: what the reader typed stays. */
  update({ forms }: Picture, delta: Change | null): void {
    if (delta && !delta.forms) return;
    const open = new Set(forms.map((form) => form.key));
    for (const [key, { form }] of this.#forms) {
      if (open.has(key)) continue;
      form.root.remove();
      this.#forms.delete(key);
    }
    for (const picture of forms) {
      if (this.#forms.has(picture.key)) continue;
      const form = new Form(picture, (answer, id) => this.#context.follower.act(action(picture, answer, id), id));
      this.#forms.set(picture.key, { unit: picture.unit, form });
      this.root.append(form.root);
    }
  }

  /** Brings a node's form into sight; whether it has one. */
  reveal(belongs: (unit: string) => boolean): boolean {
    for (const { unit, form } of this.#forms.values()) {
      if (!belongs(unit)) continue;
      form.focus();
      return true;
    }
    return false;
  }
}

function action({ unit }: FormPicture, answer: Json, answer_id: string): Action {
  if (!unit) return { type: "start", inputs: answer as Record<string, Json> };
  return { type: "resume", unit, answer, answer_id };
}
