import { html, setText } from "./dom.ts";
import { badge } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import type { Change, Picture, RunPicture } from "./protocol.ts";
import { elapsed } from "./text.ts";

/** The head of the view: which run, how it stands, what can be done with it. */
export class RunBar implements Panel {
  readonly root: HTMLElement;
  private readonly context: Context;
  private readonly badge = html("span", { class: "tf-badgebox" });
  private readonly word = html("span");
  private readonly pill = html("span", { class: "tf-pill" }, this.badge, this.word);
  private readonly runId = html("code", { class: "tf-run", title: "The run's id" });
  private readonly notice = html("div", { class: "tf-notice", role: "alert" });
  private readonly stop = this.button("Stop", "stop");
  private readonly retry = this.button("Retry", "retry");

  constructor(context: Context) {
    this.context = context;
    const { chain, description } = context.graph;
    this.root = html("header", { class: "tf-head" }, html("div", { class: "tf-bar" },
      html("b", { class: "tf-chain", title: description || null }, chain), this.runId,
      html("span", { class: "tf-space" }), this.pill, this.stop, this.retry), this.notice);
  }

  update({ run }: Picture, delta: Change | null, now: number): void {
    if (delta && !delta.run) return;
    const terminal = ["SUCCEEDED", "FAILED", "CANCELLED"].includes(run.status);
    this.pill.dataset.status = run.status;
    this.badge.replaceChildren(badge(this.context.graph.marks, run.status));
    setText(this.runId, run.id);
    this.stop.hidden = terminal || !run.id;
    this.retry.hidden = !run.id || (run.status !== "FAILED" && run.status !== "CANCELLED");
    this.context.announce(`${this.context.graph.chain}: ${run.word}`);
    this.clock(run, now);
  }

  tick({ run }: Picture, now: number): void {
    this.clock(run, now);
  }

  private clock(run: RunPicture, now: number): void {
    setText(this.word, [run.word, elapsed(run, now)].filter(Boolean).join(" · "));
  }

  private button(label: string, type: "stop" | "retry"): HTMLButtonElement {
    const button = html("button", { type: "button", class: "tf-button", hidden: true, onclick: async () => {
      button.disabled = true;
      setText(this.notice, "");
      const ack = await this.context.follower.act({ type });
      button.disabled = false;
      if (!ack.ok) setText(this.notice, ack.error);
    } }, label);
    return button;
  }
}
