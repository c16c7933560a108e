import { html, setText } from "./dom.ts";
import { empty, parse } from "./fields.ts";
import type { Reading } from "./fields.ts";
import type { Field, Json } from "./protocol.ts";

const FEW = 6; // choices that are buttons side by side; more are a list

/** A field on the page: `complain("")` takes back what was said to be wrong. */
export interface Control {
  readonly field: Field;
  readonly root: HTMLElement;
  read(): Reading;
  complain(text: string): void;
}

type Input = { control: HTMLElement; read: () => Reading };
type Option = [value: Json, label: string];

let count = 0;

/** `submitNow` is called when a choice is made that is the whole answer. */
export function makeField(field: Field, submitNow: (() => void) | null): Control {
  const id = `tf-field-${++count}`;
  const problem = html("div", { class: "tf-problem", id: `${id}-problem`, role: "alert" });
  const { control, read } = makeInput(field, id, submitNow);
  control.setAttribute("aria-describedby", `${id}-problem`);
  const grouped = control.tagName === "DIV"; // its buttons have names of their own
  const optional = !field.required && html("span", { class: "tf-optional" }, " optional");
  const label = field.name && (grouped
    ? html("span", { class: "tf-label", id: `${id}-label` }, field.label, optional)
    : html("label", { class: "tf-label", for: id, id: `${id}-label` }, field.label, optional));
  if (label && grouped) control.setAttribute("aria-labelledby", label.id);
  if (!label) control.setAttribute("aria-label", "Answer");
  const root = html("div", { class: "tf-field", "data-field": field.name }, label,
    field.description && html("div", { class: "tf-hint" }, field.description), control, problem);
  const complain = (text: string) => {
    setText(problem, text);
    root.classList.toggle("tf-wrong", Boolean(text));
    if (!grouped) control.setAttribute("aria-invalid", String(Boolean(text)));
  };
  return { field, root, read, complain };
}

function makeInput(field: Field, id: string, submitNow: (() => void) | null): Input {
  if (field.kind === "boolean") return makeChoice(field, [[true, "Yes"], [false, "No"]], submitNow);
  if (field.kind === "choice") {
    const options = (field.choices ?? []).map((choice): Option => [choice, asText(choice)]);
    return options.length <= FEW ? makeChoice(field, options, submitNow) : makeSelect(field, id, options);
  }
  if (field.kind === "text" || field.kind === "json") {
    const code = field.kind === "json";
    const control = html("textarea", { id, rows: code ? 4 : 2, spellcheck: code ? "false" : null,
      class: code && "tf-code" });
    control.value = filled(field);
    return { control, read: () => parse(field, control.value) };
  }
  const numeric = field.kind === "integer" || field.kind === "number";
  const control = html("input", { id, type: "text", inputmode: numeric ? "decimal" : null, class: numeric && "tf-short" });
  control.value = filled(field);
  return { control, read: () => parse(field, control.value) };
}

function asText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function filled({ kind, value }: Field): string {
  if (value === undefined) return "";
  return kind === "json" ? JSON.stringify(value, null, 2) : asText(value);
}

/** Which option a field is filled with, or -1. */
function preset({ value }: Field, options: Option[]): number {
  return value === undefined ? -1 : options.findIndex(([option]) => JSON.stringify(option) === JSON.stringify(value));
}

function makeChoice(field: Field, options: Option[], submitNow: (() => void) | null): Input {
  let chosen = preset(field, options);
  const buttons = options.map(([, label], index) => html("button", { type: "button",
    "aria-pressed": String(index === chosen), onclick: () => {
      chosen = index;
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === index)));
      submitNow?.();
    } }, label));
  const control = html("div", { class: "tf-choice", role: "group" }, ...buttons);
  return { control, read: () => picked(field, options[chosen]) };
}

function makeSelect(field: Field, id: string, options: Option[]): Input {
  const control = html("select", { id }, html("option", { value: "" }, "Choose…"),
    ...options.map(([, label], index) => html("option", { value: String(index) }, label)));
  const at = preset(field, options);
  control.value = at < 0 ? "" : String(at);
  return { control, read: () => picked(field, control.value === "" ? undefined : options[Number(control.value)]) };
}

function picked(field: Field, option: Option | undefined): Reading {
  return option ? { value: option[0] } : empty(field, "Please choose.");
}
