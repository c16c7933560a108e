import { Places } from "./place.ts";
import type { Model } from "./protocol.ts";
import { View } from "./view.ts";

interface Home {
  model: Model;
  places: Places<View>;
}

/** Where the views of each run are: in the widget's output, then in the place its saved picture leaves. */
const homes = new Map<string, Home>();

/** Looks out for saved pictures of this run, as long as the kernel knows it. */
export function initialize({ model }: { model: Model }): () => void {
  const { view } = model.get("graph");
  const places = new Places(view, () => new View(model));
  homes.set(view, { model, places });
  model.on("msg:custom", places.hurry);
  return () => {
    model.off("msg:custom", places.hurry);
    places.close();
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
    if (home) home.places.leave(view);
    else view.close();
  };
}
