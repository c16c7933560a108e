import { html } from "./dom.ts";
import type { Json } from "./protocol.ts";
import { reachable } from "./scroller.ts";
import { copyButton } from "./value.ts";

/** A part of the node panel that folds. What has not changed is not drawn again: a reader may be in it. */
export class Section {
  readonly root: HTMLDetailsElement;
  readonly body = reachable(html("div", { class: "tf-sectionbody", role: "group" }));
  readonly #tools = html("span", { class: "tf-sectiontools" });
  #drawn = "";

  constructor(title: string, open: boolean) {
    this.root = html("details", { class: "tf-section", open, hidden: true, "data-section": title.toLowerCase() },
      html("summary", {}, title), this.#tools, this.body);
    this.body.ariaLabel = title;
  }

  clear(): void {
    this.#drawn = "";
    this.root.hidden = true;
    this.body.replaceChildren();
  }

  /** Draws it if `of` is other than before; null hides it. `text` is what copying gives. */
  show(of: unknown, draw: () => (Node | string)[], text?: () => string): void {
    const key = of === null ? "" : JSON.stringify(of as Json);
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.root.hidden = !key;
    this.body.replaceChildren(...(key ? draw() : []));
    this.#tools.replaceChildren(...(text ? [copyButton(text, this.root.dataset.section!)] : []));
  }
}
