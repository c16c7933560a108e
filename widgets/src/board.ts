/** Boards: the open forms of all runs, and the table of runs. Python is asked while somebody looks. */

import { html, setText } from "./dom.ts";
import { Desk } from "./desk.ts";
import type { BoardModel, InboxPicture, RunsPicture } from "./desk.ts";
import { Inbox } from "./inbox.ts";
import { Runs } from "./runs.ts";

export default {
  /** As soon as a page knows of it: only then is the static table replaced. */
  initialize({ model }: { model: BoardModel }): void {
    model.send({ type: "here" });
  },

  render({ model, el }: { model: BoardModel; el: HTMLElement }): () => void {
    const picture = model.get("picture");
    const notice = html("div", { class: "tf-notice", role: "alert" });
    const desk = new Desk(model, (error) => setText(notice, error));
    const part = picture.kind === "inbox" ? new Inbox(desk, picture as InboxPicture) : new Runs(desk, picture as RunsPicture);
    el.append(html("div", { class: "tf tf-live tf-board", "data-lm-suppress-shortcuts": "true" }, part.root, notice));
    desk.watch(el, () => part.look());
    return () => desk.close();
  },
};
