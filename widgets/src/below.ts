import { html } from "./dom.ts";
import type { Context, Nested } from "./panel.ts";
import type { NodeDetail, Status } from "./protocol.ts";

const OVER: Status[] = ["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"];

/** The chain that a node has started, as a view of its own: its graph, its forms, its nodes, and so on down. */
export class Below {
  readonly root = html("div", { class: "tf-below" });
  readonly #context: Context;
  #view: Nested | undefined;
  #shown = "";
  #over = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Opens it once there is one; anew if another has taken its place, or it was taken up again. */
  follow(unit: string, { child, status }: NodeDetail): void {
    const over = OVER.includes(status);
    const again = this.#over && !over;
    this.#over = over;
    if (!child || (this.#shown === child && !again)) return;
    this.close();
    this.#shown = child;
    void this.#open(unit, child);
  }

  close(): void {
    this.#view?.close();
    this.#view = undefined;
    this.#shown = "";
    this.root.replaceChildren();
  }

  async #open(unit: string, child: string): Promise<void> {
    const { follower } = this.#context;
    const { answer, error } = await follower.ask({ type: "below", unit });
    if (this.#shown !== child) return; // closed meanwhile
    if (!answer) {
      this.root.replaceChildren(html("p", { class: "tf-hint" }, error));
      return;
    }
    this.#view = this.#context.nest(follower.wireBelow(unit, answer), unit);
    this.root.replaceChildren(this.#view.root);
    this.#view.start();
  }
}
