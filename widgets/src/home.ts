import type { FromKernel, Model } from "./protocol.ts";
import { View } from "./view.ts";

const LOOK_MS = 500;
const LINGER_MS = 3000; // a view whose place was taken away waits so long for another
const HURRY_MS = 1500; // after the kernel has said that the place changes

/** Where the views of one run are on the page: in the widget's output, then in the place its saved picture leaves. */
class Home {
  readonly model: Model;
  readonly #place: string;
  readonly #waiting = new Map<View, ReturnType<typeof setTimeout>>();
  readonly #placed = new Map<Element, View>();
  #hurryUntil = 0;

  constructor(model: Model) {
    this.model = model;
    this.#place = `[data-tf-view="${CSS.escape(model.get("graph").view)}"]`;
  }

  /** A view that has lost its place: what was typed in it stays, should it find another. */
  leave(view: View): void {
    this.#waiting.set(view, setTimeout(() => (this.#waiting.delete(view), view.close()), LINGER_MS));
    this.look();
  }

  look(): void {
    for (const [place, view] of this.#placed) {
      if (place.isConnected) continue;
      this.#placed.delete(place);
      this.leave(view);
      return;
    }
    for (const place of document.querySelectorAll(this.#place)) if (!this.#placed.has(place)) this.#settle(place);
  }

  hurry = (message: FromKernel): void => {
    if (message.type !== "moved") return;
    this.#hurryUntil = Date.now() + HURRY_MS;
    this.#often();
  };

  close(): void {
    this.#hurryUntil = 0;
    for (const [view, timer] of this.#waiting) (clearTimeout(timer), view.close());
    for (const [place, view] of this.#placed) (view.close(), place.replaceChildren());
  }

  #often(): void {
    if (Date.now() > this.#hurryUntil) return;
    this.look();
    requestAnimationFrame(() => this.#often());
  }

  #settle(place: Element): void {
    const [known] = this.#waiting.keys();
    const view = known ?? new View(this.model);
    clearTimeout(this.#waiting.get(view));
    this.#waiting.delete(view);
    this.#placed.set(place, view);
    const focused = document.activeElement;
    place.replaceChildren(view.root);
    if (!known) view.start(true);
    else if (focused instanceof HTMLElement && view.root.contains(focused)) focused.focus({ preventScroll: true });
  }
}

const homes = new Map<string, Home>();

/** Looks out for saved pictures of this run, as long as the kernel knows it. */
export function initialize({ model }: { model: Model }): () => void {
  const { view } = model.get("graph");
  const home = new Home(model);
  homes.set(view, home);
  model.on("msg:custom", home.hurry);
  home.hurry({ type: "moved" }); // a run that had ended is shown as its picture at once
  const timer = setInterval(() => home.look(), LOOK_MS);
  return () => {
    clearInterval(timer);
    model.off("msg:custom", home.hurry);
    home.close();
    homes.delete(view);
  };
}

/** The view in the widget's own output. */
export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const home = homes.get(model.get("graph").view);
  const view = new View(home?.model ?? model); // what this one hears ends with its output
  el.append(view.root);
  view.start();
  return () => {
    if (home) home.leave(view);
    else view.close();
  };
}
