import { Below } from "./below.ts";
import { html, setText } from "./dom.ts";
import { code, failure } from "./failure.ts";
import { badge } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import { nodeOf } from "./protocol.ts";
import type { Change, Json, NodeDetail, Picture, Reads, Span, StreamPicture } from "./protocol.ts";
import { Said } from "./said.ts";
import { Section } from "./section.ts";
import { duration, elapsed } from "./text.ts";
import { KINDS } from "./timeline.ts";
import { asText, shown } from "./value.ts";

const AGAIN_MS = 1000; // between two looks at a node that goes on

/** What there is to see of one node: asked for when it is opened, and again when it moves on. */
export class Details implements Panel {
  readonly root: HTMLElement;
  readonly #context: Context;
  readonly #closed: () => void;
  readonly #badge = html("span", { class: "tf-badgebox" });
  readonly #name = html("b", { class: "tf-chain" });
  readonly #facts = html("span", { class: "tf-facts" });
  readonly #item = html("input", { type: "number", min: 0, class: "tf-which", "aria-label": "Item", onchange: () => this.#choose() });
  readonly #items = html("label", { class: "tf-hint", hidden: true }, "item ", this.#item);
  readonly #trouble = html("div", { class: "tf-notice", role: "alert" });
  readonly #error = html("div");
  readonly #output = new Section("Output", true);
  readonly #inputs = new Section("Inputs", true);
  readonly #prompt = new Section("Prompt", false);
  readonly #attempts = new Section("Attempts", false);
  readonly #source = new Section("Source", false);
  readonly #said = new Said();
  readonly #below: Below;
  #unit = "";
  #known = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #askedAt = 0;

  /** `closed` is told when the reader closes it. */
  constructor(context: Context, closed: () => void) {
    this.#context = context;
    this.#closed = closed;
    this.#below = new Below(context);
    const close = html("button", { class: "tf-button", onclick: () => this.hide() }, "Close");
    this.root = html("section", { class: "tf-details", hidden: true, tabindex: "-1",
      onkeydown: (event: KeyboardEvent) => event.key === "Escape" && (event.stopPropagation(), this.hide()) },
      html("header", { class: "tf-bar" }, this.#badge, this.#name, this.#items, this.#facts,
        html("span", { class: "tf-space" }), close),
      this.#trouble, this.#error, this.#below.root, this.#output.root, ...this.#said.sections.map(({ root }) => root),
      this.#inputs.root, this.#prompt.root, this.#attempts.root, this.#source.root);
  }

  /** The node it shows, if it shows one. */
  get node(): string | null {
    return this.#unit ? nodeOf(this.#unit) : null;
  }

  show(unit: string, focus: boolean): void {
    if (this.#unit !== unit) {
      this.#unit = unit;
      this.#known = "";
      this.root.hidden = false;
      this.root.dataset.unit = unit;
      this.root.setAttribute("aria-label", `Node ${unit}`);
      setText(this.#name, unit);
      for (const section of [this.#output, this.#inputs, this.#prompt, this.#attempts, this.#source]) section.clear();
      this.#error.replaceChildren();
      this.#facts.replaceChildren();
      this.#below.close();
      this.#draw(this.#context.follower.picture);
      void this.#ask();
    }
    if (!focus) return;
    this.root.focus({ preventScroll: true });
    this.root.scrollIntoView({ block: "nearest" });
  }

  hide(): void {
    this.#unit = "";
    this.root.hidden = true;
    this.#below.close();
    clearTimeout(this.#timer);
    this.#closed();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#below.close();
  }

  update(picture: Picture, delta: Change | null): void {
    const [unit, node] = [this.#unit, this.node];
    if (!node) return;
    if (!delta) return this.#draw(picture);
    for (const [who, turn, kind, text] of delta.text ?? []) if (who === unit) this.#said.write(turn, kind, text);
    this.#said.settle(picture.nodes[node]?.status !== "RUNNING");
    if (!delta.nodes?.[node] && !delta.spans?.[unit]) return;
    this.#head(picture);
    this.#timer ??= setTimeout(() => void this.#ask(), Math.max(0, this.#askedAt + AGAIN_MS - Date.now()));
  }

  #draw(picture: Picture): void {
    this.#said.writeAnew(picture.streams[this.#unit] ?? noWords, picture.nodes[this.node!]?.status !== "RUNNING");
    this.#head(picture);
  }

  #head(picture: Picture): void {
    const standing = picture.nodes[this.node!];
    if (!standing) return;
    this.root.dataset.status = standing.status;
    this.#badge.replaceChildren(badge(this.#context.graph.marks, standing.status));
  }

  #choose(): void {
    const count = Number(this.#item.max) + 1;
    const at = this.#item.value === "" ? -1 : Math.min(count - 1, Math.max(0, Math.round(Number(this.#item.value))));
    this.show(at < 0 ? this.node! : `${this.node!}[${at}]`, false);
  }

  async #ask(): Promise<void> {
    const unit = this.#unit;
    this.#timer = undefined;
    this.#askedAt = Date.now();
    const { answer, error } = await this.#context.follower.ask({ type: "node", unit });
    if (unit !== this.#unit) return; // another was opened meanwhile
    setText(this.#trouble, error);
    if (!answer) return;
    this.#tell(answer);
    if (answer.type === "llm") await this.#askPrompt(unit, answer);
  }

  async #askPrompt(unit: string, { status, attempts }: NodeDetail): Promise<void> {
    const state = `${unit} ${status} ${attempts}`;
    if (status === "READY" || status === "SKIPPED" || this.#known === state) return;
    this.#known = state;
    const { answer, error } = await this.#context.follower.ask({ type: "prompt", unit });
    if (unit !== this.#unit) return;
    const messages = answer?.messages ?? [];
    this.#prompt.show(answer ? messages : error, () => answer
      ? messages.flatMap(({ role, content }) => [html("div", { class: "tf-role" }, role), html("pre", { class: "tf-text tf-message" }, content)])
      : [html("p", { class: "tf-hint" }, error)], answer && (() => messages.map((m) => `${m.role}:\n${m.content}`).join("\n\n")));
  }

  #tell(detail: NodeDetail): void {
    const { follower, graph } = this.#context;
    this.#badge.replaceChildren(badge(graph.marks, detail.status));
    this.#facts.replaceChildren(...[detail.type, elapsed(detail, follower.now()), ...detail.facts].map((fact) => fact && html("span", {}, fact)));
    this.#items.hidden = !detail.items && detail.unit === this.node;
    if (detail.items) this.#item.max = String(detail.items - 1);
    this.#error.replaceChildren(...(detail.error ? [failure(detail.error)] : []));
    const said = follower.picture.streams[this.#unit]?.pieces.filter(([kind]) => kind === "text").map(([, text]) => text).join("") ?? "";
    this.#said.quiet(detail.has_output && typeof detail.output === "string" && detail.output.trim() === said.trim());
    this.#output.show(detail.has_output ? [detail.output] : null, () => [shown(detail.output)], () => asText(detail.output));
    this.#inputs.show(detail.inputs.length ? detail.inputs : null, () => detail.inputs.map(reads),
      () => asText(Object.fromEntries(detail.inputs.filter(({ known }) => known).map(({ name, value }) => [name, value]))));
    const spans = follower.picture.spans[this.#unit] ?? [];
    this.#attempts.show(spans.length ? (spans as unknown as Json) : null, () => [attempts(spans)]);
    const { line, text } = detail.source;
    const lines = text.split("\n").map((words, at): [number, string] => [line + at, words]);
    this.#source.show(line ? text : null, () => [code(lines, detail.error?.line) || ""], () => text);
    this.#below.follow(this.#unit, detail);
  }
}

const noWords: StreamPicture = { turn: "", pieces: [], cut: false };

function reads({ name, source, value, known, note }: Reads): HTMLElement {
  const long = known && (typeof value === "object" || String(value).length > 90) && value !== null;
  return html("div", { class: long ? "tf-read tf-long" : "tf-read" },
    html("div", {}, html("span", { class: "tf-key" }, name), html("span", { class: "tf-hint" }, ` ${source}`)),
    html("div", {}, known ? shown(value) : html("span", { class: "tf-hint" }, note || "not known yet")));
}

function attempts(spans: Span[]): HTMLElement {
  const rows = spans.map(({ kind, began, ended, attempt, round, error, worker }) => html("tr", {},
    html("td", {}, kind === "wait" ? "" : `attempt ${attempt}${round > 1 ? `, round ${round}` : ""}`), html("td", {}, KINDS[kind]),
    html("td", { class: "tf-number" }, ended === null ? "…" : duration(ended - began)),
    html("td", { class: "tf-hint" }, worker), html("td", { class: "tf-bad" }, error)));
  return html("table", { class: "tf-plain" }, html("tbody", {}, ...rows));
}
