/** Boards: the open forms of all runs, and the table of runs. Python is asked while somebody looks. */

import { Desk } from "./desk.ts";
import type { BoardModel, InboxPicture, RunsPicture } from "./desk.ts";
import { html, keepKeys, setText } from "./dom.ts";
import { Inbox } from "./inbox.ts";
import { Places } from "./place.ts";
import type { Living } from "./place.ts";
import { Runs } from "./runs.ts";

class Board implements Living {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #part: Inbox | Runs;

  constructor(model: BoardModel) {
    const picture = model.get("picture");
    const notice = html("div", { class: "tf-notice", role: "alert" });
    this.#desk = new Desk(model, (error) => setText(notice, error));
    this.#part = picture.kind === "inbox" ? new Inbox(this.#desk, picture as InboxPicture) : new Runs(this.#desk, picture as RunsPicture);
    this.root = html("div", { class: "tf tf-live tf-board", onfocusin: keepKeys }, this.#part.root, notice);
  }

  start(): void {
    this.#desk.watch(this.root, () => this.#part.look());
  }

  close(): void {
    this.#desk.close();
  }
}

export default {
  /** In the place that the saved table leaves: a notebook never has anything but that table. */
  initialize({ model }: { model: BoardModel }): () => void {
    const places = new Places(model.get("view"), () => new Board(model));
    model.on("msg:custom", places.hurry);
    return () => {
      model.off("msg:custom", places.hurry);
      places.close();
    };
  },

  /** Where it is shown as a widget. */
  render({ model, el }: { model: BoardModel; el: HTMLElement }): () => void {
    const board = new Board(model);
    el.append(board.root);
    board.start();
    return () => board.close();
  },
};
