import { setText, svg } from "./dom.ts";
import { mark } from "./icons.ts";
import type { GraphNode, GraphPicture, NodePicture } from "./protocol.ts";
import { elapsed } from "./text.ts";
import type { Zoom } from "./viewport.ts";

const TEXT_LEFT = 48;
const PAD = 10;
const CAPTION = "11.3px";
const NAMES: Partial<Record<Zoom, [font: string, beside: number]>> = { // and what else is on its line
  mid: ["600 17.4px", TEXT_LEFT + 32], small: ["600 26.6px", 46], // a little more than drawn: what is measured is near, not exact
};

/** One node's box: icon, name, standing, progress. Its place never changes. */
export class NodeBox {
  readonly root: SVGGElement;
  /** What is focused: it has a label and no text of its own, so that nothing is read twice. */
  readonly button: SVGRectElement;
  readonly node: GraphNode;
  status = "";
  readonly #marks: GraphPicture["marks"];
  readonly #title = svg("title");
  readonly #name: SVGTextElement;
  readonly #text: SVGTextElement;
  readonly #track: SVGRectElement;
  readonly #done: SVGRectElement;
  readonly #badge: SVGGElement;
  #word = "";
  #said = "";

  constructor(node: GraphNode, marks: GraphPicture["marks"]) {
    this.node = node;
    this.#marks = marks;
    const { width, height } = node;
    const bar = { x: PAD, y: height - 6, height: 3, rx: 1.5 };
    this.#text = svg("text", { class: "tf-caption", x: TEXT_LEFT, y: 40 }, node.type);
    this.#name = svg("text", { class: "tf-name", x: TEXT_LEFT, y: 24 }, node.label);
    this.#track = svg("rect", { class: "tf-track", ...bar, width: width - 2 * PAD, visibility: "hidden" });
    this.#done = svg("rect", { class: "tf-done", ...bar, width: 0 });
    this.#badge = svg("g", { transform: `translate(${width - 26} 11)` });
    this.button = svg("rect", { class: "tf-box", width, height, rx: 9, role: "button", tabindex: "-1" });
    this.root = svg("g", { class: "tf-node", transform: `translate(${node.x} ${node.y})`, role: "presentation",
      "data-node": node.id, "data-status": "READY" }, this.#title, this.button,
      svg("g", { "aria-hidden": "true" }, // the button's label says it all
        svg("rect", { class: "tf-tile", x: PAD, y: 12, width: 29, height: 29, rx: 7 }),
        svg("path", { class: "tf-icon", transform: "translate(16.5 18.5)", d: node.icon }),
        this.#name, this.#text, this.#track, this.#done, this.#badge,
        node.type === "chain" && svg("path", { class: "tf-plus", d: `M${width - 23} ${height - 16}h10m-5-5v10` })));
  }

  update(picture: NodePicture, now: number): void {
    const { node, root } = this;
    if (this.status !== picture.status || this.#word !== picture.word) {
      this.status = picture.status;
      this.#word = picture.word;
      root.setAttribute("data-status", picture.status);
      this.#badge.replaceChildren(...(picture.word ? [mark(this.#marks, picture.status)] : []));
    }
    const [settled, total] = picture.progress ?? [0, 0];
    this.#track.setAttribute("visibility", total ? "visible" : "hidden");
    this.#done.setAttribute("width", String(total ? ((node.width - 2 * PAD) * settled) / total : 0));
    this.tick(picture, now);
    const says = [...new Set([picture.word, picture.note, picture.reason])].filter(Boolean);
    setText(this.#title, [`${node.id} (${node.type})`, ...says, node.description].filter(Boolean).join("\n"));
    this.button.setAttribute("aria-label", [node.id, node.type, ...says].join(", "));
  }

  /** Its second line, with the time that goes by. */
  tick(picture: NodePicture, now: number): void {
    const quiet = picture.status === "SKIPPED" || picture.status === "CANCELLED";
    const parts = [picture.word || this.node.type, picture.note, quiet ? "" : elapsed(picture, now)].filter(Boolean);
    const text = parts.join(" · ");
    if (this.#said === text) return;
    this.#said = text;
    const room = this.node.width - TEXT_LEFT - PAD;
    const shown = picture.note && widthOf(text, CAPTION) > room ? parts.slice(1).join(" · ") : text; // the mark says the word
    setText(this.#text, shorten(shown, room, CAPTION));
  }

  /** Large names are for a graph that is drawn small. */
  nameAs(zoom: Zoom): void {
    const { id, label, width } = this.node;
    const [font, beside] = NAMES[zoom] ?? [];
    setText(this.#name, font ? shorten(id, width - beside!, font, zoom === "small" ? id.slice(-2) : "") : label);
  }

  /** The words a reader may look for. */
  get words(): string {
    return `${this.node.id} ${this.node.type} ${this.#said} ${this.status}`.toLowerCase();
  }
}

const pen = globalThis.document?.createElement("canvas").getContext("2d");

function widthOf(text: string, size: string): number {
  if (!pen) return 0;
  pen.font = `${size} ${font()}`;
  return pen.measureText(text).width;
}

/** Cuts a text where it would leave its box; `tail` stays: names are often numbered. Measured apart: it may not be shown yet. */
function shorten(text: string, room: number, size: string, tail = ""): string {
  const whole = widthOf(text, size);
  if (whole <= room) return text;
  let length = Math.ceil((text.length * room) / whole); // about
  const cut = () => `${text.slice(0, length).trimEnd()}…${tail}`;
  while (length > 0 && widthOf(cut(), size) > room) length--;
  return cut();
}

/** The font of the notebook. Asked once: it costs a layout each time, and a theme hardly changes it. */
function font(): string {
  known ??= getComputedStyle(document.body).getPropertyValue("--jp-ui-font-family") || "system-ui, sans-serif";
  return known;
}
let known: string | undefined;
