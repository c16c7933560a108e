import { age } from "./desk.ts";
import type { Desk, InboxPicture, WaitingForm } from "./desk.ts";
import { html, setText } from "./dom.ts";
import { Form } from "./form.ts";

interface Entry {
  form: WaitingForm;
  root: HTMLDetailsElement;
  age: HTMLElement;
}

/** Every open form, the one that waits longest first; each opens to be answered. */
export class Inbox {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #title = html("b", { class: "tf-chain" });
  readonly #list = html("div", { class: "tf-inbox" });
  readonly #done = html("div", { class: "tf-boardnote", role: "status" });
  readonly #entries = new Map<string, Entry>();

  constructor(desk: Desk, picture: InboxPicture) {
    this.#desk = desk;
    this.root = html("section", { "aria-label": "Waiting for an answer" },
      html("header", { class: "tf-bar" }, this.#title), this.#list, this.#done);
    this.#show(picture);
  }

  async look(): Promise<void> {
    const { picture } = await this.#desk.ask({ type: "look" });
    if (picture) this.#show(picture as InboxPicture);
  }

  /** A form that is still open keeps its element: what the reader typed stays. */
  #show({ forms, now }: InboxPicture): void {
    const open = new Set(forms.map(({ key }) => key));
    for (const [key, { root }] of this.#entries) {
      if (open.has(key)) continue;
      root.remove();
      this.#entries.delete(key);
    }
    for (const form of forms) {
      let entry = this.#entries.get(form.key);
      if (!entry) {
        entry = this.#enter(form);
        this.#entries.set(form.key, entry);
        this.#list.append(entry.root);
      }
      setText(entry.age, age(form.since, now));
    }
    setText(this.#title, forms.length ? `${forms.length} ${forms.length === 1 ? "form waits" : "forms wait"} for an answer` : "Nothing waits for an answer");
  }

  #enter(form: WaitingForm): Entry {
    const when = html("span", { class: "tf-age" });
    const summary = html("summary", { class: "tf-entry", "data-status": "SUSPENDED" }, html("b", {}, form.chain.split("@", 1)[0]!),
      html("span", { class: "tf-unit" }, form.unit), html("span", { class: "tf-message" }, form.message),
      html("code", { class: "tf-run" }, form.run), when);
    const root = html("details", { "data-run": form.run, ontoggle: () => {
      if (root.open && root.children.length === 1) root.append(this.#form(form).root);
    } }, summary);
    return { form, root, age: when };
  }

  #form({ run, unit, message, schema, initial, chain }: WaitingForm): Form {
    return new Form({ unit, message, schema, initial }, async (answer, answer_id) => {
      const reply = await this.#desk.ask({ type: "resume", run, unit, answer, answer_id }, answer_id);
      if (reply.ok) setText(this.#done, `Answered ${unit} of ${chain.split("@", 1)[0]}, run ${run}.`);
      if (reply.picture) this.#show(reply.picture as InboxPicture);
      return reply;
    });
  }
}
