import { html } from "./dom.ts";
import { badge } from "./icons.ts";
import { Lane } from "./lane.ts";
import type { Context, Panel } from "./panel.ts";
import { nodeOf } from "./protocol.ts";
import type { Change, Picture, StreamPicture } from "./protocol.ts";
import { Scroller } from "./scroller.ts";

/** What one unit says: its words, and under them its log. */
class Block {
  readonly root: HTMLElement;
  readonly scroller: Scroller;
  readonly badge = html("span", { class: "tf-badgebox" });
  turn = "";
  status = "";
  #words = new Lane();
  #log = new Lane();

  constructor(unit: string) {
    this.scroller = new Scroller(`What ${unit} says`);
    this.root = html("section", { class: "tf-block", "data-unit": unit },
      html("header", { class: "tf-blockhead" }, this.badge, html("b", {}, unit)), this.scroller.root);
  }

  begin(turn: string, cut: boolean): void {
    if (this.turn === turn) return;
    this.turn = turn;
    const { body } = this.scroller;
    body.style.minHeight = `${body.offsetHeight}px`; // what is below stays where it is when a node begins again
    [this.#words, this.#log] = [new Lane(), new Lane()];
    this.scroller.hold(this.#words, this.#log);
    if (cut) this.write("note", "(the beginning is not shown)\n");
  }

  write(kind: string, text: string): void {
    (kind === "log" ? this.#log : this.#words).write(kind, text);
  }
}

/** What the nodes say, token by token. */
export class Streams implements Panel {
  readonly root = html("div", { class: "tf-streams" });
  readonly #blocks = new Map<string, Block>();
  readonly #context: Context;
  #elsewhere: string | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Measures, writes, and only then scrolls: one layout for all that came at once. */
  update(picture: Picture, delta: Change | null): void {
    const heard = new Set(delta ? delta.text?.map(([unit]) => unit) : Object.keys(picture.streams));
    for (const unit of heard) this.#block(unit).scroller.begin();
    if (delta) for (const [unit, turn, kind, text] of delta.text ?? []) this.#block(unit, turn).write(kind, text);
    else for (const [unit, stream] of Object.entries(picture.streams)) this.#writeAnew(unit, stream);
    this.#mark(picture);
    for (const { scroller, status } of this.#blocks.values()) scroller.settle(status !== "RUNNING");
    for (const { scroller } of this.#blocks.values()) scroller.follow();
  }

  /** Hides what a node says where it is told elsewhere; null: nothing is. */
  leaveOut(node: string | null): void {
    this.#elsewhere = node;
    for (const [unit, block] of this.#blocks) block.root.hidden = nodeOf(unit) === node;
  }

  #block(unit: string, turn?: string, cut = false): Block {
    let block = this.#blocks.get(unit);
    if (!block) {
      block = new Block(unit);
      this.#blocks.set(unit, block);
      block.root.hidden = nodeOf(unit) === this.#elsewhere;
      this.root.append(block.root);
    }
    if (turn !== undefined) block.begin(turn, cut);
    return block;
  }

  #writeAnew(unit: string, stream: StreamPicture): void {
    this.#block(unit).turn = "";
    const block = this.#block(unit, stream.turn, stream.cut);
    for (const [kind, text] of stream.pieces) block.write(kind, text);
  }

  #mark(picture: Picture): void {
    for (const [unit, block] of this.#blocks) {
      const status = picture.nodes[nodeOf(unit)]?.status ?? "READY";
      if (status === block.status) continue;
      block.root.dataset.status = block.status = status;
      block.badge.replaceChildren(badge(this.#context.graph.marks, status));
    }
  }
}
