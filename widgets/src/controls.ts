import { html, setText } from "./dom.ts";
import type { Json } from "./protocol.ts";
import { allowed, same } from "./schema.ts";
import type { Path, Schema, Violation } from "./schema.ts";

const FEW = 6; // choices that are buttons side by side; more are a list
const SHORT_TEXT = 120; // a text that may not be longer gets one line
export const WANTED = "Please fill this in.";

/** What a control is made for: `schema` is resolved and without null. */
export interface Spec {
  name: string;
  /** "" if no label is shown; then `says` names it to who can't see. */
  label: string;
  says: string;
  schema: Schema;
  root: Schema;
  required: boolean;
  nullable: boolean;
  value: Json | undefined;
  submitNow: (() => void) | null;
}

/** A part of a form: one field, or a group or list of them. */
export interface Control {
  readonly root: HTMLElement;
  /** Its value; undefined if it is left out. What is no value at all is noted in `problems`. */
  read(path: Path, problems: Violation[]): Json | undefined;
  /** Says what is wrong with it, or with what is below it. */
  complain(path: Path, message: string): void;
  clear(): void;
  rename(says: string): void;
}

type Reading = Json | undefined | Error;
type Input = { element: HTMLElement; read: () => Reading; grouped?: boolean };
type Option = [value: Json, label: string];

let count = 0;

/** An id for a part of a form. */
export function partId(): string {
  return `tf-field-${++count}`;
}

/** The place where a part says what is wrong with it. */
export class Complaint {
  readonly id = `${partId()}-problem`;
  readonly element = html("div", { class: "tf-problem", id: this.id, role: "alert" });

  say(root: HTMLElement, text: string): void {
    setText(this.element, text);
    root.classList.toggle("tf-wrong", Boolean(text));
  }
}

/** `At least 1.`: what a rule says, as a sentence beside the field. */
export function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
}

/** The description of a part, if it has one. It is read out with what is described, as is what is wrong. */
export function hint({ description }: Schema, described: Element, { id }: Complaint): HTMLElement | "" {
  const shown = typeof description === "string" && html("div", { class: "tf-hint", id: `${id}-hint` }, description);
  described.setAttribute("aria-describedby", shown ? `${shown.id} ${id}` : id);
  return shown || "";
}

/** One value. */
export class Leaf implements Control {
  readonly root: HTMLElement;
  readonly #spec: Spec;
  readonly #input: Input;
  readonly #complaint = new Complaint();

  constructor(spec: Spec, more: HTMLElement | null = null) {
    this.#spec = spec;
    const id = partId();
    const { element, grouped } = this.#input = makeInput(spec, id);
    const label = spec.label && html(grouped ? "span" : "label",
      { class: "tf-label", id: `${id}-label`, for: grouped ? null : id }, spec.label, optional(spec));
    if (!label) this.rename(spec.says);
    else if (grouped) element.setAttribute("aria-labelledby", label.id);
    this.root = html("div", { class: "tf-field", "data-field": spec.name },
      (label || more) && html("div", { class: "tf-labels" }, label, more), hint(spec.schema, element, this.#complaint), element, this.#complaint.element);
  }

  read(path: Path, problems: Violation[]): Json | undefined {
    const value = this.#input.read();
    if (!(value instanceof Error)) return value;
    problems.push({ path, message: value.message });
    return undefined;
  }

  complain(_: Path, message: string): void {
    this.#complaint.say(this.root, message);
    if (!this.#input.grouped) this.#input.element.setAttribute("aria-invalid", String(Boolean(message)));
  }

  clear(): void {
    this.complain([], "");
  }

  rename(says: string): void {
    if (!this.#spec.label) this.#input.element.setAttribute("aria-label", says);
  }
}

/** What already has a value needs no word of it. */
export function optional({ required, nullable, name, value }: Spec): HTMLElement | false {
  return !required && !nullable && name !== "" && value === undefined && html("span", { class: "tf-optional" }, " optional");
}

function makeInput(spec: Spec, id: string): Input {
  const { schema } = spec;
  const choices = allowed(schema);
  if (schema.type === "boolean") return choice(spec, [[true, "Yes"], [false, "No"]]);
  if (choices) {
    const options = choices.map((one): Option => [one, asText(one)]);
    return options.length <= FEW ? choice(spec, options) : select(spec, id, options);
  }
  if (schema.type === "string") return textInput(spec, id);
  if (schema.type === "integer" || schema.type === "number") return numberInput(spec, id);
  return jsonInput(spec, id);
}

/** Whether a choice is made by one press of a button. */
export function isPressed(schema: Schema): boolean {
  return schema.type === "boolean" || (allowed(schema)?.length ?? FEW + 1) <= FEW;
}

function asText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const WIDGETS: Record<string, string> = { date: "date", time: "time", "date-time": "datetime-local", email: "email", uri: "url",
  password: "password" };
const PICKED: Record<string, RegExp> = { date: /^\d{4}-\d\d-\d\d$/, time: /^\d\d:\d\d(:\d\d)?$/,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/ };

function textInput({ schema, value, required, nullable }: Spec, id: string): Input {
  const format = String(schema.format ?? "");
  const initial = typeof value === "string" ? value : "";
  const short = format || Number(schema.maxLength ?? SHORT_TEXT + 1) <= SHORT_TEXT;
  const fits = !initial || (PICKED[format]?.test(initial) ?? true); // a picker can't show a time zone
  const picker = format in PICKED && fits;
  const element = short
    ? html("input", { id, type: fits ? WIDGETS[format] ?? "text" : "text", class: picker && "tf-short",
      step: picker && format !== "date" ? 1 : null, autocomplete: format === "password" ? "new-password" : "off" })
    : html("textarea", { id, rows: 2 });
  element.value = initial;
  const read = (): Reading => {
    const text = element.value;
    if (text === "" && (format !== "" || (required && !nullable))) return nullable ? new Error(WANTED) : undefined;
    return text;
  };
  return { element, read };
}

function numberInput({ schema, value, nullable }: Spec, id: string): Input {
  const whole = schema.type === "integer";
  const { minimum: low, maximum: high } = schema;
  const range = low != null && high != null ? `${low} to ${high}` : low != null ? `from ${low}` : high != null ? `up to ${high}` : null;
  const element = html("input", { id, type: "text", inputmode: "decimal", class: "tf-short", placeholder: range, autocomplete: "off" });
  element.value = value == null ? "" : String(value);
  const read = (): Reading => {
    const text = element.value.trim();
    if (text === "") return nullable ? new Error(WANTED) : undefined;
    const number = Number(text);
    if (!Number.isFinite(number)) return new Error("A number, please.");
    if (whole && !Number.isInteger(number)) return new Error("A whole number, please.");
    return whole && !Number.isSafeInteger(number) ? new Error("Too large for a form: answer by code.") : number;
  };
  return { element, read };
}

function jsonInput({ value }: Spec, id: string): Input {
  const element = html("textarea", { id, rows: 4, spellcheck: "false", class: "tf-code", placeholder: "JSON" });
  element.value = value === undefined ? "" : JSON.stringify(value, null, 2);
  const read = (): Reading => {
    try {
      return element.value.trim() === "" ? undefined : (JSON.parse(element.value) as Json);
    } catch (error) {
      return new Error(`This is not JSON: ${(error as Error).message}`);
    }
  };
  return { element, read };
}

/** Which option it starts with, or -1; what has only one is that. */
function preset({ value }: Spec, options: Option[]): number {
  if (options.length === 1) return 0;
  return value === undefined ? -1 : options.findIndex(([one]) => same(one, value));
}

function choice(spec: Spec, options: Option[]): Input {
  let chosen = spec.submitNow ? -1 : preset(spec, options);
  const buttons = options.map(([, label], index) => html("button", {
    "aria-pressed": String(index === chosen), onclick: () => {
      chosen = index;
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === index)));
      spec.submitNow?.();
    } }, label));
  const element = html("div", { class: "tf-choice", role: "group" }, ...buttons);
  return { element, grouped: true, read: () => options[chosen]?.[0] };
}

function select(spec: Spec, id: string, options: Option[]): Input {
  const element = html("select", { id }, html("option", { value: "" }, "Choose…"),
    ...options.map(([, label], index) => html("option", { value: String(index) }, label)));
  const at = preset(spec, options);
  element.value = at < 0 ? "" : String(at);
  return { element, read: () => (element.value === "" ? undefined : options[Number(element.value)]![0]) };
}
