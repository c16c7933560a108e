import { html, svg, setText } from "./dom.ts";
import { mark } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import type { Change, GraphEdge, GraphNode, GraphPicture, NodePicture, Picture } from "./protocol.ts";
import { elapsed } from "./text.ts";

interface Drawn {
  node: GraphNode;
  root: SVGGElement;
  title: SVGTitleElement;
  text: SVGTextElement;
  track: SVGRectElement;
  done: SVGRectElement;
  badge: SVGGElement;
  status: string;
  said: string;
}

/** The chain as it was laid out by Python. */
export class Graph implements Panel {
  readonly root: HTMLElement;
  private readonly graph: GraphPicture;
  private readonly nodes = new Map<string, Drawn>();
  private readonly edges: { edge: GraphEdge; root: SVGGElement }[];
  private readonly canvas: SVGSVGElement;
  private readonly sizes: ResizeObserver;

  constructor(context: Context) {
    const { graph } = context;
    this.graph = graph;
    this.edges = graph.edges.map((edge) => this.drawEdge(edge));
    const drawn = graph.nodes.map((node) => this.drawNode(node, (id) => context.open(id)));
    this.canvas = svg("svg", { class: "tf-canvas", viewBox: `0 0 ${graph.width} ${graph.height}`,
      role: "group", "aria-label": `Nodes of ${graph.chain}` },
      svg("g", {}, ...this.edges.map((edge) => edge.root)), svg("g", {}, ...drawn));
    this.root = html("div", { class: "tf-stage" }, this.canvas);
    this.canvas.addEventListener("keydown", (event) => this.move(event));
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
    drawn[0]?.setAttribute("tabindex", "0");
  }

  /** As large as it was laid out if there is room; smaller, but legible, if not; then it scrolls. */
  private fit(): void {
    const { width, height } = this.graph;
    const scale = Math.min(1, Math.max(0.62, (this.root.clientWidth - 2) / width));
    this.canvas.setAttribute("width", String(width * scale));
    this.canvas.setAttribute("height", String(height * scale));
  }

  private drawEdge(edge: GraphEdge): { edge: GraphEdge; root: SVGGElement } {
    const [x, y] = edge.tip;
    const root = svg("g", { class: `tf-${edge.kind}` },
      svg("path", { class: "tf-edge", d: edge.path }), svg("path", { class: "tf-tip", d: `M${x} ${y}l-8-4v8z` }));
    return { edge, root };
  }

  private drawNode(node: GraphNode, choose: (node: string) => void): SVGGElement {
    const { width, height } = node;
    const title = svg("title");
    const text = svg("text", { class: "tf-caption", x: 48, y: 40 }, node.type);
    const track = svg("rect", { class: "tf-track", x: 10, y: height - 6, width: width - 20, height: 3, rx: 1.5, visibility: "hidden" });
    const done = svg("rect", { class: "tf-done", x: 10, y: height - 6, width: 0, height: 3, rx: 1.5 });
    const badge = svg("g", { transform: `translate(${width - 26} 11)` });
    const root = svg("g", { class: "tf-node", transform: `translate(${node.x} ${node.y})`, tabindex: "-1", role: "img",
      "data-node": node.id, "data-status": "READY", onclick: () => choose(node.id),
      onkeydown: (event: KeyboardEvent) => event.key === "Enter" && choose(node.id) },
      title, svg("rect", { class: "tf-box", width, height, rx: 9 }),
      svg("rect", { class: "tf-tile", x: 10, y: 12, width: 29, height: 29, rx: 7 }),
      svg("path", { class: "tf-icon", transform: "translate(16.5 18.5)", d: node.icon }),
      svg("text", { class: "tf-name", x: 48, y: 24 }, node.label), text, track, done, badge);
    this.nodes.set(node.id, { node, root, title, text, track, done, badge, status: "", said: "" });
    return root;
  }

  update({ nodes }: Picture, delta: Change | null, now: number): void {
    const changed = delta ? Object.keys(delta.nodes ?? {}) : [...this.nodes.keys()];
    for (const id of changed) this.updateNode(this.nodes.get(id)!, nodes[id]!, now);
    if (changed.length === 0) return;
    for (const { edge, root } of this.edges) {
      const [from, to] = [nodes[edge.source]!.status, nodes[edge.target]!.status];
      const untaken = from === "SKIPPED" || to === "SKIPPED";
      root.classList.toggle("tf-untaken", untaken);
      root.classList.toggle("tf-taken", !untaken && from === "SUCCEEDED" && edge.kind !== "handler");
    }
  }

  private updateNode(drawn: Drawn, picture: NodePicture, now: number): void {
    const { node, root } = drawn;
    if (drawn.status !== picture.status + picture.word) {
      const starts = picture.status === "RUNNING" && drawn.status !== "";
      drawn.status = picture.status + picture.word;
      root.setAttribute("data-status", picture.status);
      drawn.badge.replaceChildren(...(picture.word ? [mark(this.graph.marks, picture.status)] : []));
      if (starts) this.reveal(node);
    }
    const [settled, total] = picture.progress ?? [0, 0];
    drawn.track.setAttribute("visibility", total ? "visible" : "hidden");
    drawn.done.setAttribute("width", String(total ? ((node.width - 20) * settled) / total : 0));
    this.caption(drawn, picture, now);
    const says = [picture.word, picture.note, picture.reason].filter(Boolean);
    setText(drawn.title, [`${node.id} (${node.type})`, ...says, node.description].filter(Boolean).join("\n"));
    root.setAttribute("aria-label", [node.id, node.type, ...says].join(", "));
  }

  private caption(drawn: Drawn, picture: NodePicture, now: number): void {
    const quiet = picture.status === "SKIPPED" || picture.status === "CANCELLED";
    const parts = [picture.word || drawn.node.type, picture.note, quiet ? "" : elapsed(picture, now)];
    const text = parts.filter(Boolean).join(" · ");
    if (drawn.said === text) return;
    drawn.said = text;
    ellipsise(drawn.text, text, drawn.node.width - 58);
  }

  tick({ nodes }: Picture, now: number): void {
    for (const [id, drawn] of this.nodes) {
      const { status } = nodes[id]!;
      if (status === "RUNNING" || status === "SUSPENDED") this.caption(drawn, nodes[id]!, now);
    }
  }

  close(): void {
    this.sizes.disconnect();
  }

  /** Bring a node that starts into sight, if the graph is larger than its window. */
  private reveal(node: GraphNode): void {
    const scale = this.canvas.clientWidth / this.graph.width || 1;
    const { root } = this;
    const [x, y] = [node.x * scale, node.y * scale];
    const hidden = x < root.scrollLeft || x + node.width * scale > root.scrollLeft + root.clientWidth ||
      y < root.scrollTop || y + node.height * scale > root.scrollTop + root.clientHeight;
    if (hidden && !root.matches(":hover")) {
      root.scrollTo({ left: x - root.clientWidth / 3, top: y - root.clientHeight / 3, behavior: "smooth" });
    }
  }

  /** Left and right follow the edges, up and down the definition's order. */
  private move(event: KeyboardEvent): void {
    const target = event.target as SVGElement;
    const id = target.dataset.node;
    const { edges, nodes } = this.graph;
    const at = nodes.findIndex((node) => node.id === id);
    const steps: Record<string, () => string | undefined> = {
      ArrowRight: () => edges.find((edge) => edge.source === id)?.target,
      ArrowLeft: () => edges.find((edge) => edge.target === id)?.source,
      ArrowDown: () => nodes[at + 1]?.id,
      ArrowUp: () => nodes[at - 1]?.id,
    };
    const next = steps[event.key]?.();
    if (!next) return;
    event.preventDefault();
    target.setAttribute("tabindex", "-1");
    const { root } = this.nodes.get(next)!;
    root.setAttribute("tabindex", "0");
    root.focus();
  }
}

const pen = globalThis.document?.createElement("canvas").getContext("2d");

/** Sets an SVG text and cuts it where it would leave its box. Measured apart: it may not be shown yet. */
function ellipsise(node: SVGTextElement, text: string, room: number): void {
  if (!pen) return;
  pen.font = `11.3px ${getComputedStyle(node).fontFamily || "system-ui, sans-serif"}`;
  let kept = text;
  for (let length = Math.min(text.length, 60); length > 0 && pen.measureText(kept).width > room; length--) {
    kept = `${text.slice(0, length).trimEnd()}…`;
  }
  setText(node, kept);
}
