/** The live view of one run. It draws what Python says and decides nothing. */

import { View } from "./view.ts";
import type { Model } from "./protocol.ts";

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const view = new View(model);
    el.append(view.root);
    view.start();
    return () => view.close();
  },
};
