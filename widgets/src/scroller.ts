import { html } from "./dom.ts";
import type { Lane } from "./lane.ts";

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
  #lanes: Lane[] = [];
  #held: boolean | null = null;

  constructor(label: string) {
    this.body = html("div", { class: "tf-stream", tabindex: "0", role: "log", "aria-live": "off", "aria-label": label,
      onscroll: () => this.#scrolled() });
    this.#button = html("button", { class: "tf-button tf-follow", hidden: true,
      onclick: () => this.#toEnd() }, "Follow ↓");
    this.root = html("div", { class: "tf-scroller" }, this.body, this.#button);
  }

  hold(...lanes: Lane[]): void {
    this.#lanes = lanes;
    this.body.replaceChildren(...lanes.map(({ root }) => root));
  }

  /** Before words are written: measures, which is cheap only before. */
  begin(): void {
    this.#held ??= this.#scrolledUp;
  }

  /** After all that came at once: of a long text the end. `over`: nothing more is to come. */
  settle(over: boolean): void {
    if (over) this.whole();
    else if (this.#held === false) for (const lane of this.#lanes) lane.shorten();
  }

  /** At last, since it lays out the page: to who follows, the end. */
  follow(): void {
    if (this.#held === false) this.#toEnd();
    this.#held = null;
  }

  /** All the words, and none moves under the reader's eyes. */
  whole(): void {
    if (!this.#lanes.some(({ short }) => short)) return;
    const { scrollHeight, scrollTop } = this.body;
    for (const lane of this.#lanes) lane.whole();
    this.body.scrollTop = scrollTop + this.body.scrollHeight - scrollHeight;
  }

  #scrolled(): void {
    this.#button.hidden = !this.#scrolledUp;
    if (this.#scrolledUp) this.whole();
  }

  get #scrolledUp(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.body;
    return scrollHeight - scrollTop - clientHeight >= NEAR_THE_END;
  }

  #toEnd(): void {
    this.body.scrollTop = MANY;
  }
}
