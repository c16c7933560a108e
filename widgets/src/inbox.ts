import { age, isBusy } from "./desk.ts";
import type { Desk, FormRecord, InboxPicture, WaitingForm } from "./desk.ts";
import { html, setText } from "./dom.ts";
import { Form } from "./form.ts";

const name = (chain: string) => chain.split("@", 1)[0]!;

interface Entry {
  root: HTMLDetailsElement;
  age: HTMLElement;
}

/** Every open form, the one that waits longest first; each opens to be answered, and leaves a quiet record. */
export class Inbox {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #title = html("b", { class: "tf-chain", tabindex: -1 });
  readonly #list = html("div", { class: "tf-inbox" });
  readonly #more = html("div", { class: "tf-boardnote" });
  readonly #spoken = html("div", { class: "tf-spoken", role: "status" });
  readonly #entries = new Map<string, Entry>();
  readonly #records = new Set<string>();

  constructor(desk: Desk, picture: InboxPicture) {
    this.#desk = desk;
    this.root = html("section", { "aria-label": "Waiting for an answer" },
      html("header", { class: "tf-bar" }, this.#title), this.#list, this.#more, this.#spoken);
    this.#show(picture);
  }

  async look(): Promise<void> {
    const { picture } = await this.#desk.ask({ type: "look", idle: !isBusy(this.root) });
    if (picture) this.#show(picture as InboxPicture);
  }

  /** A form that is still open keeps its element: what the reader typed stays. */
  #show({ forms, waiting, records, now }: InboxPicture): void {
    for (const record of records) if (!this.#records.has(record.key)) this.#record(record);
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
    setText(this.#title, waiting ? `${waiting} ${waiting === 1 ? "form waits" : "forms wait"} for an answer` : "Nothing waits for an answer");
    setText(this.#more, waiting > forms.length ? `These ${forms.length} wait longest; the others come as they are answered.` : "");
  }

  /** Where the form was, or at the end; told to who can't see that the form has gone. */
  #record({ key, run, chain, unit, word, here, at }: FormRecord): void {
    this.#records.add(key);
    const time = at == null ? "" : new Date(at * 1000).toLocaleTimeString();
    const line = html("div", { class: here ? "tf-record" : "tf-record tf-elsewhere", "data-run": run }, html("b", {}, name(chain)),
      html("span", { class: "tf-unit" }, unit), html("span", { class: "tf-gist" }, word), html("code", { class: "tf-run" }, run),
      html("span", { class: "tf-age" }, time));
    const entry = this.#entries.get(key);
    const focused = entry?.root.contains(document.activeElement);
    if (entry) entry.root.replaceWith(line);
    else this.#list.append(line);
    this.#entries.delete(key);
    if (focused) (this.#list.querySelector("summary") ?? this.#title).focus();
    setText(this.#spoken, `${unit} of ${name(chain)}: ${word}`);
  }

  #enter(form: WaitingForm): Entry {
    const when = html("span", { class: "tf-age" });
    const summary = html("summary", { class: "tf-entry", "data-status": "SUSPENDED" }, html("b", {}, name(form.chain)),
      html("span", { class: "tf-unit" }, form.unit), html("span", { class: "tf-gist" }, form.message),
      html("code", { class: "tf-run" }, form.run), when);
    const root = html("details", { "data-run": form.run, ontoggle: () => {
      if (root.open && root.children.length === 1) root.append(this.#form(form).root);
    } }, summary);
    return { root, age: when };
  }

  #form({ key, run, unit, message, schema, initial }: WaitingForm): Form {
    return new Form({ unit, message, schema, initial }, async (answer, answer_id) => {
      const reply = await this.#desk.ask({ type: "resume", run, unit, key, answer, answer_id }, answer_id);
      if (reply.picture) this.#show(reply.picture as InboxPicture);
      return reply;
    });
  }
}
