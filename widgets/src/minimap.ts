import { svg } from "./dom.ts";
import type { NodeBox } from "./node.ts";
import type { GraphPicture } from "./protocol.ts";
import type { Viewport } from "./viewport.ts";

const WIDEST = 168;
const TALLEST = 104;
const MUCH = 0.6; // a window that shows that part of the graph needs no map

/** The whole graph in a corner, while the window shows a part of it; a press goes there. */
export class Minimap {
  readonly root: SVGSVGElement;
  readonly #viewport: Viewport;
  readonly #scale: number;
  readonly #width: number;
  readonly #height: number;
  readonly #frame = svg("rect", { class: "tf-frame", rx: 2 });
  readonly #spots = new Map<string, SVGRectElement>();

  constructor({ width, height, nodes }: GraphPicture, viewport: Viewport) {
    this.#viewport = viewport;
    this.#width = width;
    this.#height = height;
    this.#scale = Math.min(WIDEST / width, TALLEST / height);
    for (const node of nodes) {
      this.#spots.set(node.id, svg("rect", { class: "tf-spot", "data-status": "READY",
        x: node.x, y: node.y, width: node.width, height: node.height, rx: 9 }));
    }
    this.root = svg("svg", { class: "tf-minimap", "aria-hidden": "true", viewBox: `0 0 ${width} ${height}`,
      width: Math.max(width * this.#scale, 24), height: Math.max(height * this.#scale, 24),
      onpointerdown: (event: PointerEvent) => this.#press(event),
      onpointermove: (event: PointerEvent) => event.buttons === 1 && this.#go(event) },
      ...this.#spots.values(), this.#frame);
    viewport.root.addEventListener("scroll", () => this.#follow());
  }

  update(nodes: Iterable<NodeBox>): void {
    for (const { node, status } of nodes) this.#spots.get(node.id)?.setAttribute("data-status", status);
  }

  #follow(): void {
    const { x, y, width, height } = this.#viewport.seen;
    this.root.classList.toggle("tf-shown", Math.min(width / this.#width, 1) * Math.min(height / this.#height, 1) < MUCH);
    for (const [name, value] of Object.entries({ x, y, width, height })) this.#frame.setAttribute(name, value.toFixed(0));
    this.#frame.setAttribute("stroke-width", (1.5 / this.#scale).toFixed(1));
  }

  #press(event: PointerEvent): void {
    event.preventDefault();
    this.root.setPointerCapture(event.pointerId);
    this.#go(event);
  }

  #go(event: PointerEvent): void {
    const box = this.root.getBoundingClientRect();
    this.#viewport.center((event.clientX - box.x) / this.#scale, (event.clientY - box.y) / this.#scale);
  }
}
