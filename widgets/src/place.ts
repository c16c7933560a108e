/** What lives in the places that a saved picture or table leaves for it. */

const LOOK_MS = 500;
const LINGER_MS = 3000; // what has lost its place waits so long for another
const HURRY_MS = 1500; // after the kernel has said that the place changes

export interface Living {
  readonly root: HTMLElement;
  /** Once it is on the page; `saved`: in such a place. */
  start(saved: boolean): void;
  close(): void;
}

/** Looks out for the places with a name, and has something live in each. */
export class Places<L extends Living> {
  readonly #selector: string;
  readonly #make: () => L;
  readonly #waiting = new Map<L, ReturnType<typeof setTimeout>>();
  readonly #placed = new Map<Element, L>();
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);
  #hurryUntil = 0;
  #focused: HTMLElement | null = null;
  readonly #follow = ({ target }: Event): unknown => (this.#focused = target as HTMLElement);

  constructor(name: string, make: () => L) {
    this.#selector = `[data-tf-view="${CSS.escape(name)}"]`;
    this.#make = make;
    addEventListener("focusin", this.#follow);
    this.hurry({ type: "moved" }); // there may be a place already
  }

  /** It has lost its place: what was typed in it stays, should it find another. */
  leave(living: L): void {
    this.#waiting.set(living, setTimeout(() => (this.#waiting.delete(living), living.close()), LINGER_MS));
    this.#look();
  }

  hurry = (message: { type: string }): void => {
    if (message.type !== "moved") return;
    this.#hurryUntil = Date.now() + HURRY_MS;
    this.#often();
  };

  close(): void {
    this.#hurryUntil = 0;
    clearInterval(this.#timer);
    removeEventListener("focusin", this.#follow);
    for (const [living, timer] of this.#waiting) (clearTimeout(timer), living.close());
    for (const [place, living] of this.#placed) (living.close(), place.replaceChildren());
  }

  #often(): void {
    if (Date.now() > this.#hurryUntil) return;
    this.#look();
    requestAnimationFrame(() => this.#often());
  }

  #look(): void {
    for (const [place, living] of this.#placed) {
      if (place.isConnected) continue;
      this.#placed.delete(place);
      this.leave(living);
      return;
    }
    for (const place of document.querySelectorAll(this.#selector)) if (!this.#placed.has(place)) this.#settle(place);
  }

  #settle(place: Element): void {
    const [known] = this.#waiting.keys();
    const living = known ?? this.#make();
    clearTimeout(this.#waiting.get(living));
    this.#waiting.delete(living);
    this.#placed.set(place, living);
    place.replaceChildren(living.root);
    if (!known) living.start(true);
    else if (living.root.contains(this.#focused)) this.#focused!.focus({ preventScroll: true }); // which was lost with its place
  }
}
