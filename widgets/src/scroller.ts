import { html } from "./dom.ts";

const NEAR_THE_END = 24; // pixels: who is that near wants to follow
const MANY = 1e9;

const sizes = new ResizeObserver((boxes) => {
  for (const { target } of boxes) {
    if (target.scrollHeight > target.clientHeight) target.setAttribute("tabindex", "0");
    else target.removeAttribute("tabindex");
  }
});

/** Makes a box one that Tab comes to whenever it scrolls: its keys are the arrows. */
export function reachable<E extends Element>(box: E): E {
  sizes.observe(box);
  return box;
}

/** A box of growing texts that keeps their end in sight, unless the reader has scrolled up; a button takes that back. */
export class Scroller {
  readonly root: HTMLElement;
  readonly body: HTMLElement;
  readonly #button: HTMLButtonElement;

  constructor(label: string) {
    this.body = html("div", { class: "tf-stream", tabindex: "0", role: "log", "aria-live": "off", "aria-label": label,
      onscroll: () => (this.#button.hidden = !this.scrolledUp) });
    this.#button = html("button", { type: "button", class: "tf-button tf-follow", hidden: true,
      onclick: () => this.toEnd() }, "Follow ↓");
    this.root = html("div", { class: "tf-scroller" }, this.body, this.#button);
  }

  get scrolledUp(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.body;
    return scrollHeight - scrollTop - clientHeight >= NEAR_THE_END;
  }

  toEnd(): void {
    this.body.scrollTop = MANY;
  }
}
