import { html } from "./dom.ts";
import { badge } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import { SHOWN_CHARACTERS, nodeOf } from "./protocol.ts";
import type { Change, Picture, StreamPicture } from "./protocol.ts";

const NEAR_THE_END = 24; // pixels: who is that near wants to follow

/** Text that grows at its end, piece by piece, and is forgotten at its beginning. */
class Lane {
  readonly root = html("div", { class: "tf-lane" });
  private length = 0;
  private kind = "";
  private last = document.createTextNode("");

  write(kind: string, text: string): void {
    if (this.kind !== kind) {
      this.kind = kind;
      this.last = document.createTextNode("");
      this.root.append(html("span", { class: `tf-said tf-${kind}` }, this.last));
    }
    this.last.appendData(text);
    this.length += text.length;
    while (this.length > SHOWN_CHARACTERS) this.forget();
  }

  private forget(): void {
    const first = this.root.firstChild?.firstChild as Text;
    const extra = Math.min(this.length - SHOWN_CHARACTERS + 2000, first.length);
    this.length -= extra;
    if (extra < first.length || first === this.last) first.deleteData(0, extra);
    else this.root.firstChild?.remove();
  }
}

/** What one unit says: its words, and under them its log. */
class Block {
  readonly root: HTMLElement;
  readonly body: HTMLElement;
  readonly badge = html("span", { class: "tf-badgebox" });
  turn = "";
  status = "";
  private words = new Lane();
  private log = new Lane();

  constructor(unit: string) {
    this.body = html("div", { class: "tf-stream", tabindex: "0", role: "log", "aria-live": "off",
      "aria-label": `What ${unit} says` });
    this.root = html("section", { class: "tf-block", "data-unit": unit },
      html("header", { class: "tf-blockhead" }, this.badge, html("b", {}, unit)), this.body);
  }

  begin(turn: string, cut: boolean): void {
    if (this.turn === turn) return;
    this.turn = turn;
    [this.words, this.log] = [new Lane(), new Lane()];
    this.body.replaceChildren(this.words.root, this.log.root);
    if (cut) this.write("note", "(the beginning is not shown)\n");
  }

  write(kind: string, text: string): void {
    (kind === "log" ? this.log : this.words).write(kind, text);
  }

  get scrolledUp(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.body;
    return scrollHeight - scrollTop - clientHeight >= NEAR_THE_END;
  }
}

/** What the nodes say, token by token. */
export class Streams implements Panel {
  readonly root = html("div", { class: "tf-streams" });
  private readonly blocks = new Map<string, Block>();
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /** Measures, writes, and only then scrolls: one layout for all that came at once. */
  update(picture: Picture, delta: Change | null): void {
    const heard = new Set(delta ? delta.text?.map(([unit]) => unit) : Object.keys(picture.streams));
    const held = new Set([...heard].filter((unit) => this.blocks.get(unit)?.scrolledUp));
    if (delta) for (const [unit, turn, kind, text] of delta.text ?? []) this.block(unit, turn).write(kind, text);
    else for (const [unit, stream] of Object.entries(picture.streams)) this.writeAnew(unit, stream);
    this.mark(picture);
    for (const unit of heard) if (!held.has(unit)) this.block(unit).body.scrollTop = 1e9;
  }

  /** Brings a node's words into sight; whether it has any. */
  reveal(node: string): boolean {
    for (const [unit, block] of this.blocks) {
      if (nodeOf(unit) !== node) continue;
      block.root.scrollIntoView({ block: "nearest" });
      block.body.focus({ preventScroll: true });
      return true;
    }
    return false;
  }

  private block(unit: string, turn?: string, cut = false): Block {
    let block = this.blocks.get(unit);
    if (!block) {
      block = new Block(unit);
      this.blocks.set(unit, block);
      this.root.append(block.root);
    }
    if (turn !== undefined) block.begin(turn, cut);
    return block;
  }

  private writeAnew(unit: string, stream: StreamPicture): void {
    this.block(unit).turn = "";
    const block = this.block(unit, stream.turn, stream.cut);
    for (const [kind, text] of stream.pieces) block.write(kind, text);
  }

  private mark(picture: Picture): void {
    for (const [unit, block] of this.blocks) {
      const status = picture.nodes[nodeOf(unit)]?.status ?? "READY";
      if (status === block.status) continue;
      block.root.dataset.status = block.status = status;
      block.badge.replaceChildren(badge(this.context.graph.marks, status));
    }
  }
}
