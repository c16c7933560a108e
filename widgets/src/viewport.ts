import { html } from "./dom.ts";

const SMALLEST = 0.01;
const LARGEST = 2;
const LEGIBLE = 0.75; // below, a box shows its name alone, larger
const WHOLE = 0.55; // a graph that fits at this scale is shown as a whole
const OVERVIEW = 60; // nodes: more are shown as a whole first, as a map of what runs
const SMALL = 0.4; // below, a name takes all of its box
const FAR = 0.24; // below, names would be dust: boxes show their status alone
const TALLEST = 560; // pixels of the page, and never more than a part of the window
const PART = 0.75;
const DRAG = 4; // pixels a pointer moves before it drags
const STEP = 1.25;

/** How large all is drawn, from far away to as it is. */
export type Zoom = "far" | "small" | "mid" | "near";

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A window onto a drawing: it scrolls as any page does, zooms with Ctrl and the wheel, and is dragged. */
export class Viewport {
  readonly root: HTMLElement;
  scale = 1;
  readonly #canvas: SVGSVGElement;
  readonly #size: { width: number; height: number };
  readonly #start: Rect | undefined;
  readonly #overview: boolean;
  readonly #sizes: ResizeObserver;
  readonly #zoomed: (zoom: Zoom) => void;
  #own = true; // until the reader chooses a scale
  #width = 0; // what it was fitted to

  /** `start` is where a window begins that shows a part; `zoomed` is told when names should be drawn otherwise. */
  constructor(
    canvas: SVGSVGElement, size: { width: number; height: number }, count: number, start: Rect | undefined,
    zoomed: (zoom: Zoom) => void,
  ) {
    this.#start = start;
    this.#canvas = canvas;
    this.#zoomed = zoomed;
    this.#size = size;
    this.#overview = count > OVERVIEW;
    this.root = html("div", { class: "tf-stage", "data-zoom": "near", style: "height: 0" }, canvas);
    this.root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.root.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#sizes = new ResizeObserver(() => this.#own && this.#settle());
    this.#sizes.observe(this.root);
  }

  close(): void {
    this.#sizes.disconnect();
  }

  /** The whole drawing. */
  fit(): void {
    this.#own = true;
    this.#show(this.#fitting());
  }

  /** Larger (1) or smaller (-1), around the middle. */
  step(by: 1 | -1): void {
    const box = this.root.getBoundingClientRect();
    this.#zoom(this.scale * STEP ** by, box.x + box.width / 2, box.y + box.height / 2);
  }

  /** What is seen, in the drawing's own coordinates. */
  get seen(): Rect {
    const { root, scale } = this;
    const { left, top } = this.#margins();
    return { x: (root.scrollLeft - left) / scale, y: (root.scrollTop - top) / scale,
      width: root.clientWidth / scale, height: root.clientHeight / scale };
  }

  /** Whether there is more than is seen. */
  get overflows(): boolean {
    const { root } = this;
    return root.scrollWidth > root.clientWidth + 1 || root.scrollHeight > root.clientHeight + 1;
  }

  shows(box: Rect): boolean {
    const { x, y, width, height } = this.seen;
    return box.x >= x && box.y >= y && box.x + box.width <= x + width && box.y + box.height <= y + height;
  }

  /** Brings a box into the middle, and near enough to read if asked. */
  reveal(box: Rect, closer = false): void {
    if (closer && this.scale < LEGIBLE) {
      this.#own = false;
      this.#show(LEGIBLE);
    }
    this.center(box.x + box.width / 2, box.y + box.height / 2);
  }

  center(x: number, y: number): void {
    const { root, scale } = this;
    const { left, top } = this.#margins();
    root.scrollTo(x * scale + left - root.clientWidth / 2, y * scale + top - root.clientHeight / 2);
  }

  #fitting(): number {
    const { width, height } = this.#size;
    return Math.min(1, (this.root.offsetWidth - 1) / width,
      (Math.max(this.#tallest(), parseFloat(this.root.style.height)) - 1) / height); // a reader may have made it taller
  }

  #tallest(): number {
    return Math.min(TALLEST, Math.floor(PART * innerHeight));
  }

  /** The first look: all of it if that can be read, or if it is a map anyway. */
  #settle(): void {
    const { offsetWidth } = this.root;
    if (offsetWidth === this.#width || offsetWidth === 0) return; // its height is the reader's; or not on the page yet
    this.#width = offsetWidth;
    const fitting = this.#fitting();
    const scale = fitting >= WHOLE || this.#overview ? fitting : Math.max(fitting, LEGIBLE);
    this.root.style.height = `${Math.min(this.#tallest(), Math.ceil(this.#size.height * scale) + 1)}px`;
    this.#show(scale);
    if (this.#start) this.reveal(this.#start);
  }

  #show(scale: number): void {
    this.scale = Math.min(LARGEST, Math.max(SMALLEST, scale));
    this.#canvas.setAttribute("width", String(Math.floor(this.#size.width * this.scale)));
    this.#canvas.setAttribute("height", String(Math.floor(this.#size.height * this.scale)));
    const zoom = this.scale < FAR ? "far" : this.scale < SMALL ? "small" : this.scale < LEGIBLE ? "mid" : "near";
    if (zoom !== this.root.dataset.zoom) this.#zoomed(zoom);
    this.root.dataset.zoom = zoom;
    this.root.classList.toggle("tf-map", this.scale < SMALL);
    this.root.classList.toggle("tf-larger", this.overflows);
    this.root.dispatchEvent(new Event("scroll"));
  }

  #zoom(scale: number, clientX: number, clientY: number): void {
    this.#own = false;
    const before = this.#canvas.getBoundingClientRect();
    const [x, y] = [(clientX - before.x) / this.scale, (clientY - before.y) / this.scale];
    this.#show(scale);
    const after = this.#canvas.getBoundingClientRect();
    this.root.scrollLeft += after.x + x * this.scale - clientX;
    this.root.scrollTop += after.y + y * this.scale - clientY;
  }

  #wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const pinch = Math.abs(event.deltaY) < 40; // a touch pad's fingers send many small steps
    this.#zoom(this.scale * Math.exp(-event.deltaY * (pinch ? 0.01 : 0.002)), event.clientX, event.clientY);
  }

  #drag(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType === "touch" || !this.overflows) return; // a finger scrolls
    const { root } = this;
    const start = { x: event.clientX, y: event.clientY, left: root.scrollLeft, top: root.scrollTop };
    let moved = false;
    const move = (now: PointerEvent) => {
      const [dx, dy] = [now.clientX - start.x, now.clientY - start.y];
      moved ||= Math.hypot(dx, dy) > DRAG;
      if (!moved) return;
      root.classList.add("tf-dragging");
      root.scrollLeft = start.left - dx;
      root.scrollTop = start.top - dy;
    };
    const end = () => {
      removeEventListener("pointermove", move);
      root.classList.remove("tf-dragging");
      if (moved) addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end, { once: true });
  }

  /** A drawing smaller than its window stands in the middle. */
  #margins(): { left: number; top: number } {
    const [root, size, scale] = [this.root, this.#size, this.scale];
    return { left: Math.max(0, (root.clientWidth - size.width * scale) / 2),
      top: Math.max(0, (root.clientHeight - size.height * scale) / 2) };
  }
}

function swallow(event: Event): void {
  event.stopPropagation();
}
