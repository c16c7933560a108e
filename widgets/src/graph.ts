import { html, svg } from "./dom.ts";
import { glyph } from "./icons.ts";
import { Minimap } from "./minimap.ts";
import { NodeBox } from "./node.ts";
import type { Context, Panel } from "./panel.ts";
import type { Change, GraphEdge, Picture } from "./protocol.ts";
import { Search } from "./search.ts";
import { Viewport } from "./viewport.ts";
import { Walk } from "./walk.ts";

const HEADS = { right: "l-8-4v8z", down: "l-4-8h8z" }; // an arrow's head, from its tip
const FEW = 3; // nodes whose news are told one by one; of more only the count is
const TOOLS: [name: string, key: string, icon: string][] = [
  ["Find a node", "/", "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 1 0 0-8.4M10.2 10.2l3.4 3.4"],
  ["Smaller", "-", "M3.5 8h9"],
  ["Larger", "+", "M3.5 8h9M8 3.5v9"],
  ["Show the whole graph", "0", "M2.6 6V2.6H6M10 2.6h3.4V6M13.4 10v3.4H10M6 13.4H2.6V10"],
  ["What it shows", "?", "M5.5 6a2.5 2.5 0 1 1 3.7 2.2C8.4 8.6 8 9.1 8 10M8 12.6v.1"],
];

/** The chain as Python laid it out; only colours, marks and words change while it runs. */
export class Graph implements Panel {
  readonly root: HTMLElement;
  readonly #context: Context;
  readonly #nodes: Map<string, NodeBox>;
  readonly #edges: { edge: GraphEdge; root: SVGGElement; state: string }[];
  readonly #viewport: Viewport;
  readonly #minimap: Minimap;
  readonly #search: Search;
  readonly #walk: Walk;
  readonly #guide: HTMLElement;
  #current: NodeBox | undefined;

  constructor(context: Context) {
    this.#context = context;
    const { graph } = context;
    this.#walk = new Walk(graph);
    this.#edges = graph.edges.map((edge) => ({ edge, root: drawEdge(edge, HEADS[graph.direction]), state: "" }));
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, new NodeBox(node, graph.marks)]));
    const boxes = [...this.#nodes.values()];
    const canvas = svg("svg", { class: "tf-canvas", viewBox: `0 0 ${graph.width} ${graph.height}`, role: "group",
      "aria-label": `Graph of ${graph.chain}, ${boxes.length} nodes. Arrow keys follow the edges, Enter opens a node.`,
      onclick: (event: Event) => this.#open(event) },
      svg("g", {}, ...this.#edges.map((edge) => edge.root)), svg("g", {}, ...boxes.map((box) => box.root)));
    this.#viewport = new Viewport(canvas, graph, boxes.length, graph.nodes[0], (zoom) => {
      for (const box of boxes) box.nameAs(zoom);
    });
    this.#minimap = new Minimap(graph, this.#viewport);
    this.#search = new Search(boxes, (box) => this.#viewport.reveal(box.node, true), (box) => this.#focus(box ?? this.#current));
    this.#guide = html("div", { class: "tf-guide", role: "status", hidden: true }, ...graph.key.map(([kind, shape, d, words]) =>
      html("span", {}, d && glyph(svg("g", { class: `tf-${kind}` }, svg("path", { class: `tf-${shape}`, d }))), words)));
    this.root = html("div", { class: "tf-graph", onkeydown: (event: KeyboardEvent) => this.#key(event),
      onfocusin: (event: FocusEvent) => this.#take(nodeAt(event)) }, // on the drawing it would make that one focusable
      this.#viewport.root, this.#tools(), this.#minimap.root, this.#guide);
    this.#take(graph.nodes[0]?.id);
  }

  update({ nodes }: Picture, delta: Change | null, now: number): void {
    const changed = delta ? Object.keys(delta.nodes ?? {}) : [...this.#nodes.keys()];
    if (changed.length === 0) return;
    const boxes = changed.flatMap((id) => this.#nodes.get(id) ?? []);
    const before = boxes.map((box) => box.status);
    for (const box of boxes) box.update(nodes[box.node.id]!, now);
    this.#minimap.update(boxes);
    for (const edge of this.#edges) {
      const { source, target, kind } = edge.edge;
      const state = edgeState(nodes[source]!.status, nodes[target]!.status, kind);
      if (state === edge.state) continue;
      edge.state = state;
      edge.root.setAttribute("class", `tf-${kind} ${state}`);
    }
    if (!delta) return;
    this.#tell(boxes.filter((box, at) => box.status !== before[at]), nodes);
    this.#follow();
  }

  tick({ nodes }: Picture, now: number): void {
    for (const [id, box] of this.#nodes) {
      if (box.status === "RUNNING" || box.status === "SUSPENDED") box.tick(nodes[id]!, now);
    }
  }

  close(): void {
    this.#viewport.close();
  }

  #tools(): HTMLElement {
    const buttons = TOOLS.map(([name, key, icon]) => html("button", { class: "tf-tool",
      title: `${name} (${key})`, "aria-label": name, onclick: () => this.#command(key) },
      glyph(svg("path", { d: icon }))));
    return html("div", { class: "tf-tools", role: "group", "aria-label": "View of the graph" }, this.#search.root, ...buttons);
  }

  #tell(boxes: NodeBox[], pictures: Picture["nodes"]): void {
    const words = boxes.map(({ node }) => `${node.id}: ${pictures[node.id]!.word}`);
    if (boxes.length <= FEW) return words.forEach((text) => this.#context.announce(text));
    const settled = [...this.#nodes.values()].filter((box) => !["READY", "RUNNING", "SUSPENDED"].includes(box.status));
    this.#context.announce(`${settled.length} of ${this.#nodes.size} nodes are done`);
  }

  /** Keeps something that runs in sight, unless the reader looks around. */
  #follow(): void {
    if (this.root.matches(":hover, :focus-within") || !this.#viewport.overflows) return;
    const active = [...this.#nodes.values()].filter(({ status }) => status === "RUNNING" || status === "SUSPENDED");
    if (active[0] && !active.some(({ node }) => this.#viewport.shows(node))) this.#viewport.reveal(active[0].node);
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || (event.target as Element).closest("input")) return;
    const { key } = event;
    const find = (event.ctrlKey || event.metaKey) && key.toLowerCase() === "f";
    if (!find && (event.ctrlKey || event.metaKey)) return;
    const from = nodeAt(event);
    const next = from === undefined ? undefined : this.#walk.step(from, key);
    if (next !== undefined) this.#focus(this.#nodes.get(next));
    else if (from !== undefined && (key === "Enter" || key === " ")) this.#open(event);
    else if (!this.#command(find ? "/" : key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #command(key: string): boolean {
    if (key === "/") this.#search.open();
    else if (key === "0") this.#viewport.fit();
    else if (key === "+" || key === "=") this.#viewport.step(1);
    else if (key === "-") this.#viewport.step(-1);
    else if (key === "?") this.#guide.hidden = !this.#guide.hidden;
    else return false;
    return true;
  }

  #open(event: Event): void {
    const id = nodeAt(event);
    if (id !== undefined) this.#context.open(id);
  }

  #focus(box: NodeBox | undefined): void {
    if (!box) return;
    box.button.focus({ preventScroll: true });
    if (!this.#viewport.shows(box.node)) this.#viewport.reveal(box.node);
  }

  /** The one node that Tab comes to. */
  #take(id: string | undefined): void {
    const box = id === undefined ? undefined : this.#nodes.get(id);
    if (!box || box === this.#current) return;
    this.#current?.button.setAttribute("tabindex", "-1");
    box.button.setAttribute("tabindex", "0");
    this.#current = box;
  }
}

function drawEdge(edge: GraphEdge, head: string): SVGGElement {
  const [x, y] = edge.tip;
  return svg("g", { class: `tf-${edge.kind}` },
    svg("path", { class: "tf-edge", d: edge.path }), svg("path", { class: "tf-tip", d: `M${x} ${y}${head}` }));
}

function edgeState(from: string, to: string, kind: GraphEdge["kind"]): string {
  if (from === "SKIPPED" || to === "SKIPPED") return "tf-untaken";
  if (from !== "SUCCEEDED" || kind === "handler") return "";
  return to === "RUNNING" ? "tf-taken tf-flowing" : "tf-taken";
}

function nodeAt(event: Event): string | undefined {
  return (event.target as Element).closest<SVGGElement>("[data-node]")?.dataset.node;
}
