import type { GraphNode, GraphPicture } from "./protocol.ts";

/** From one node to the next by an arrow key: along the edges, or among those beside it. */
export class Walk {
  readonly #nodes: Map<string, GraphNode>;
  readonly #after = new Map<string, string[]>();
  readonly #before = new Map<string, string[]>();
  readonly #layers = new Map<number, GraphNode[]>();
  readonly #right: boolean;
  readonly #order: GraphNode[];

  constructor(graph: GraphPicture) {
    this.#right = graph.direction === "right";
    this.#order = graph.nodes;
    this.#nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    for (const { source, target } of graph.edges) {
      this.#after.set(source, [...(this.#after.get(source) ?? []), target]);
      this.#before.set(target, [...(this.#before.get(target) ?? []), source]);
    }
    for (const node of graph.nodes) {
      const layer = this.#right ? node.x : node.y;
      this.#layers.set(layer, [...(this.#layers.get(layer) ?? []), node]);
    }
    for (const layer of this.#layers.values()) layer.sort((a, b) => this.#across(a) - this.#across(b));
  }

  /** The node a key leads to, if any. */
  step(from: string, key: string): string | undefined {
    const [forward, back, next, previous] = this.#right
      ? ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]
      : ["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"];
    if (key === forward) return this.#nearest(from, this.#after.get(from));
    if (key === back) return this.#nearest(from, this.#before.get(from));
    if (key === next) return this.#beside(from, 1);
    if (key === previous) return this.#beside(from, -1);
    if (key === "Home") return this.#order[0]?.id;
    if (key === "End") return this.#order.at(-1)?.id;
    return undefined;
  }

  #across(node: GraphNode): number {
    return this.#right ? node.y + node.height / 2 : node.x + node.width / 2;
  }

  #nearest(from: string, ids: string[] = []): string | undefined {
    const start = this.#across(this.#nodes.get(from)!);
    const distance = (id: string) => Math.abs(this.#across(this.#nodes.get(id)!) - start);
    return ids.toSorted((a, b) => distance(a) - distance(b))[0];
  }

  #beside(from: string, step: number): string | undefined {
    const node = this.#nodes.get(from)!;
    const layer = this.#layers.get(this.#right ? node.x : node.y)!;
    return layer[layer.indexOf(node) + step]?.id;
  }
}
