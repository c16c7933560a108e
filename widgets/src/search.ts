import { html, setText } from "./dom.ts";
import type { NodeBox } from "./node.ts";

/** Finds nodes by name, type or standing: all are marked, Enter goes to the next. */
export class Search {
  readonly root: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #count = html("span", { class: "tf-count", role: "status" });
  readonly #nodes: NodeBox[];
  readonly #show: (node: NodeBox) => void;
  readonly #leave: () => void;
  #found: NodeBox[] = [];
  #at = -1;

  /** `show` brings a node into sight, `leave` takes the focus back. */
  constructor(nodes: NodeBox[], show: (node: NodeBox) => void, leave: (found: NodeBox | undefined) => void) {
    this.#nodes = nodes;
    this.#show = show;
    this.#leave = () => leave(this.#found[this.#at]);
    this.#input = html("input", { type: "search", placeholder: "Find a node", "aria-label": "Find a node by name, type or status",
      spellcheck: "false", oninput: () => this.#look(), onkeydown: (event: KeyboardEvent) => this.#key(event) });
    this.root = html("div", { class: "tf-search", hidden: true }, this.#input, this.#count);
  }

  open(): void {
    this.root.hidden = false;
    this.#input.focus();
    this.#input.select();
  }

  #close(): void {
    this.#leave();
    this.#input.value = "";
    this.#look();
    this.root.hidden = true;
  }

  #look(): void {
    const wanted = this.#input.value.trim().toLowerCase();
    this.#found[this.#at]?.root.classList.remove("tf-here");
    this.#at = -1;
    this.#found = wanted ? this.#nodes.filter((node) => node.words.includes(wanted)) : [];
    const found = new Set(this.#found);
    for (const node of this.#nodes) {
      node.root.classList.toggle("tf-match", found.has(node));
      node.root.classList.toggle("tf-other", wanted !== "" && !found.has(node));
    }
    this.#go(0);
  }

  #go(to: number): void {
    this.#found[this.#at]?.root.classList.remove("tf-here");
    const { length } = this.#found;
    this.#at = length ? (to + length) % length : -1;
    const here = this.#found[this.#at];
    here?.root.classList.add("tf-here");
    if (here) this.#show(here);
    setText(this.#count, here ? `${this.#at + 1} of ${length}` : this.#input.value.trim() ? "none" : "");
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.#close();
    else if (event.key === "Enter") this.#go(this.#at + (event.shiftKey ? -1 : 1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
