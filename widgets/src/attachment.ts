import { Complaint, hint, optional, partId } from "./controls.ts";
import type { Control, Spec } from "./controls.ts";
import { html, setText } from "./dom.ts";
import type { Json } from "./protocol.ts";
import { isObject } from "./schema.ts";
import type { Path } from "./schema.ts";

const LARGEST = 1_000_000; // bytes; it travels in one message, and is kept with the run

/** A small file: its name, its type, and what is in it as text or base64. */
export class Attachment implements Control {
  readonly root: HTMLElement;
  readonly #complaint = new Complaint();
  readonly #input: HTMLInputElement;
  readonly #about = html("span", { class: "tf-hint", role: "status" });
  #value: Json | undefined;

  constructor(spec: Spec, more: HTMLElement | null = null) {
    const id = partId();
    this.#value = spec.value;
    this.#input = html("input", { id, type: "file", onchange: () => void this.#take() });
    this.root = html("div", { class: "tf-field", "data-field": spec.name },
      (spec.label || more) && html("div", { class: "tf-labels" },
        spec.label && html("label", { class: "tf-label", for: id }, spec.label, optional(spec)), more),
      hint(spec.schema, this.#input, this.#complaint), this.#input, this.#about, this.#complaint.element);
    if (!spec.label) this.rename(spec.says);
    this.#tell();
  }

  read(): Json | undefined {
    return this.#value;
  }

  complain(_: Path, message: string): void {
    this.#complaint.say(this.root, message);
    this.#input.ariaInvalid = String(Boolean(message));
  }

  clear(): void {
    this.complain([], "");
  }

  rename(says: string): void {
    if (!this.#input.labels?.length) this.#input.setAttribute("aria-label", says);
  }

  async #take(): Promise<void> {
    const file = this.#input.files?.[0];
    if (!file) return;
    this.clear();
    if (file.size > LARGEST) {
      this.#input.value = "";
      this.complain([], `${file.name} has ${megabytes(file.size)}; at most 1 MB can be attached.`);
      return;
    }
    this.#value = await attached(file);
    this.#tell();
  }

  #tell(): void {
    const { name } = isObject(this.#value) ? this.#value : { name: undefined };
    setText(this.#about, typeof name === "string" ? `Attached: ${name}` : "At most 1 MB.");
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

async function attached(file: File): Promise<Json> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const about = { name: file.name, mime: file.type || "application/octet-stream" };
  try {
    return { ...about, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return { ...about, base64: btoa(binary) };
  }
}
