import { Attachment } from "./attachment.ts";
import { Complaint, Leaf, WANTED, hint, optional, partId } from "./controls.ts";
import type { Control, Spec } from "./controls.ts";
import { firstControl, html, setText } from "./dom.ts";
import type { Json } from "./protocol.ts";
import { isObject, isRequired, properties, withoutNull } from "./schema.ts";
import type { Path, Schema, Violation } from "./schema.ts";

type Given = Pick<Spec, "name" | "root" | "required" | "value"> & Partial<Pick<Spec, "label" | "says" | "submitNow">>;

/** The control of a part of a schema. */
export function makeControl(part: Schema, given: Given): Control {
  const [schema, nullable] = withoutNull(part, given.root);
  const own = "$ref" in part || !("title" in part) ? given.name.replaceAll("_", " ") : String(part.title);
  const label = given.label ?? own.charAt(0).toUpperCase() + own.slice(1);
  const value = given.value ?? schema.default;
  const spec = { submitNow: null, ...given, label, says: given.says ?? label, schema, nullable, value };
  const absent = !spec.required && spec.value === undefined && hasFields(schema);
  if (nullable || absent) return new Maybe(spec);
  return makePlain(spec);
}

function makePlain(spec: Spec, more: HTMLElement | null = null): Control {
  const { schema } = spec;
  if (schema.format === "file") return new Attachment(spec, more);
  if (hasFields(schema)) return new Group(spec, more);
  if (schema.type === "array" && isObject(schema.items) && !schema.prefixItems) return new List(spec, more);
  return new Leaf(spec, more);
}

export function hasFields(schema: Schema): boolean {
  return schema.type === "object" && Object.keys(properties(schema)).length > 0;
}

function frame(spec: Spec, more: HTMLElement | null, complaint: Complaint, ...parts: (HTMLElement | "")[]): HTMLElement {
  const label = spec.label && html("legend", { class: "tf-label" }, spec.label, optional(spec));
  const kind = spec.name === "" && !spec.label ? "tf-fields" : "tf-group";
  const root = html("fieldset", { class: kind, "data-field": spec.name || null, "aria-label": label ? null : spec.says });
  root.append(label, more ?? "", hint(spec.schema, root, complaint), ...parts, complaint.element);
  return root;
}

/** The fields of a model. */
export class Group implements Control {
  readonly root: HTMLElement;
  readonly #complaint = new Complaint();
  readonly #parts: Map<string, Control>;

  constructor(spec: Spec, more: HTMLElement | null = null) {
    const { schema, root, value } = spec;
    const given = isObject(value) ? value : {};
    this.#parts = new Map(Object.entries(properties(schema)).map(([name, part]) =>
      [name, makeControl(part, { name, root, required: isRequired(schema, name), value: given[name] })]));
    this.root = frame(spec, more, this.#complaint, ...[...this.#parts.values()].map((part) => part.root));
  }

  read(path: Path, problems: Violation[]): Json {
    const value: { [name: string]: Json } = {};
    for (const [name, part] of this.#parts) {
      const one = part.read([...path, name], problems);
      if (one !== undefined) value[name] = one;
    }
    return value;
  }

  complain([name, ...rest]: Path, message: string): void {
    const part = name === undefined ? undefined : this.#parts.get(String(name));
    if (part) part.complain(rest, message);
    else this.#complaint.say(this.root, message);
  }

  clear(): void {
    this.#complaint.say(this.root, "");
    for (const part of this.#parts.values()) part.clear();
  }

  rename(says: string): void {
    const legend = this.root.querySelector(":scope > legend");
    if (legend) setText(legend, says);
    else this.root.setAttribute("aria-label", says);
  }
}

/** Items that are added, removed and moved. */
class List implements Control {
  readonly root: HTMLElement;
  readonly #spec: Spec;
  readonly #complaint = new Complaint();
  readonly #items = html("div", { class: "tf-items" });
  readonly #controls = new Map<Element, Control>();
  readonly #addButton = html("button", { class: "tf-button", onclick: () => this.#add() }, "Add");

  constructor(spec: Spec, more: HTMLElement | null) {
    this.#spec = spec;
    this.#addButton.setAttribute("aria-label", `Add to ${spec.says}`);
    this.root = frame(spec, more, this.#complaint, this.#items, this.#addButton);
    for (const value of Array.isArray(spec.value) ? spec.value : []) this.#append(value);
  }

  read(path: Path, problems: Violation[]): Json | undefined {
    const values = this.#ordered.map((control, at) => {
      const here = [...path, at];
      const before = problems.length;
      const value = control.read(here, problems);
      if (value === undefined && problems.length === before) problems.push({ path: here, message: WANTED });
      return value ?? null;
    });
    return values.length || this.#spec.required || this.#spec.value !== undefined || this.#spec.nullable ? values : undefined;
  }

  complain([at, ...rest]: Path, message: string): void {
    const item = typeof at === "number" ? this.#ordered[at] : undefined;
    if (item) item.complain(rest, message);
    else this.#complaint.say(this.root, message);
  }

  clear(): void {
    this.#complaint.say(this.root, "");
    for (const control of this.#ordered) control.clear();
  }

  rename(): void {}

  get #ordered(): Control[] {
    return [...this.#items.children].map((row) => this.#controls.get(row)!);
  }

  #add(): void {
    const row = this.#append(undefined);
    firstControl(row)?.focus();
  }

  #append(value: Json | undefined): HTMLElement {
    const { schema, root } = this.#spec;
    const control = makeControl(schema.items as Schema, { name: "", root, required: true, value, label: this.#labelled, says: "Item" });
    const row = html("div", { class: "tf-item" }, control.root, html("div", { class: "tf-itemtools" },
      this.#tool("↑", "Move up", () => row.previousElementSibling?.before(row)),
      this.#tool("↓", "Move down", () => row.nextElementSibling?.after(row)),
      this.#tool("×", "Remove", () => this.#remove(row))));
    this.#controls.set(row, control);
    this.#items.append(row);
    this.#number();
    return row;
  }

  /** A model's fields stand under a title, a single value needs none. */
  get #labelled(): string {
    return hasFields(withoutNull(this.#spec.schema.items as Schema, this.#spec.root)[0]) ? "Item" : "";
  }

  #tool(sign: string, label: string, act: () => void): HTMLButtonElement {
    const button = html("button", { class: "tf-tool", "data-does": label, onclick: () => {
      act();
      this.#number();
      (button.isConnected ? button : this.#addButton).focus();
    } }, sign);
    return button;
  }

  #remove(row: Element): void {
    this.#controls.delete(row);
    row.remove();
  }

  #number(): void {
    [...this.#items.children].forEach((row, at) => {
      const says = `${this.#spec.says} ${at + 1}`;
      this.#controls.get(row)!.rename(says);
      for (const button of row.querySelectorAll<HTMLElement>(":scope > .tf-itemtools > button")) {
        button.setAttribute("aria-label", `${button.dataset.does}: ${says}`);
        button.title = button.dataset.does ?? "";
      }
    });
    const { maxItems } = this.#spec.schema;
    this.#addButton.hidden = typeof maxItems === "number" && this.#controls.size >= maxItems;
  }
}

/** What may be none, or left out: a switch decides whether there is something to fill in. */
class Maybe implements Control {
  readonly root: HTMLElement;
  readonly #spec: Spec;
  readonly #given: HTMLInputElement;
  #inner: Control | undefined;
  readonly #complaint = new Complaint();

  constructor(spec: Spec) {
    this.#spec = spec;
    const id = partId();
    this.#given = html("input", { type: "checkbox", id, role: "switch", onchange: () => this.#turn(true) });
    this.#given.checked = spec.value != null;
    const name = html("label", { class: "tf-label tf-switch", for: id }, this.#given, spec.label || spec.says,
      html("span", { class: "tf-optional" }, spec.nullable ? " or none" : " optional"));
    this.root = html("div", { class: "tf-maybe" }, name, this.#complaint.element);
    this.#turn(false);
  }

  read(path: Path, problems: Violation[]): Json | undefined {
    if (this.#given.checked) return this.#inner!.read(path, problems);
    return this.#spec.nullable ? null : undefined;
  }

  complain(path: Path, message: string): void {
    if (this.#given.checked) this.#inner!.complain(path, message);
    else this.#complaint.say(this.root, message);
  }

  clear(): void {
    this.#complaint.say(this.root, "");
    this.#inner?.clear();
  }

  rename(): void {}

  #turn(focus: boolean): void {
    if (this.#given.checked && !this.#inner) {
      const spec = this.#spec;
      this.#inner = makePlain({ ...spec, label: "", says: spec.says, value: spec.value ?? undefined });
      this.root.append(this.#inner.root);
    }
    if (this.#inner) this.#inner.root.hidden = !this.#given.checked;
    if (focus && this.#given.checked) firstControl(this.#inner!.root)?.focus();
  }
}
