import { html, setText } from "./dom.ts";
import { badge } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import type { Change, Picture, RunPicture } from "./protocol.ts";
import { elapsed } from "./text.ts";
import type { Timeline } from "./timeline.ts";
import { copyButton } from "./value.ts";

const KEEP_MS = 60_000; // a page that was opened has been read by then

/** The head of the view: which run, how it stands, what can be done with it. */
export class RunBar implements Panel {
  readonly root: HTMLElement;
  readonly #context: Context;
  readonly #badge = html("span", { class: "tf-badgebox" });
  readonly #word = html("span");
  readonly #pill = html("span", { class: "tf-pill" }, this.#badge, this.#word);
  readonly #tokens = html("span", { class: "tf-tokens" });
  readonly #runId = html("code", { class: "tf-run" });
  readonly #copy = copyButton(() => this.#runId.textContent, "the run's id");
  readonly #notice = html("div", { class: "tf-notice", role: "alert" });
  readonly #stop = this.#button("Stop", () => this.#act("stop"));
  readonly #retry = this.#button("Retry", () => this.#act("retry"));
  readonly #page = this.#button("HTML", () => this.#openPage());

  constructor(context: Context, graph: Element, timeline: Timeline) {
    this.#context = context;
    const { chain, description } = context.graph;
    const toggle = html("button", { class: "tf-button tf-toggle", "aria-pressed": "false", onclick: () => {
      const on = toggle.getAttribute("aria-pressed") !== "true";
      toggle.setAttribute("aria-pressed", String(on));
      graph.toggleAttribute("hidden", on);
      timeline.show(on);
    } }, "Timeline");
    this.#page.title = "Open as a page to keep or to send";
    const crumbs = context.trail.flatMap(({ name, show }) => [
      html("button", { class: "tf-crumb", onclick: show }, name), html("span", { class: "tf-hint", "aria-hidden": "true" }, "›")]);
    this.root = html("div", { class: "tf-head" }, html("div", { class: "tf-bar" }, ...crumbs,
      html("b", { class: "tf-chain", title: `${chain}\n${description}`.trim(), tabindex: "-1" }, chain), this.#runId, this.#copy,
      html("span", { class: "tf-space" }), this.#tokens, this.#pill, this.#stop, this.#retry, toggle, this.#page), this.#notice);
  }

  update({ run }: Picture, delta: Change | null, now: number): void {
    if (delta && !delta.run) return;
    const terminal = ["SUCCEEDED", "FAILED", "CANCELLED"].includes(run.status);
    const below = this.#context.trail.length > 0; // it is the outermost run that is stopped and retried
    this.#pill.dataset.status = run.status;
    this.#badge.replaceChildren(badge(this.#context.graph.marks, run.status));
    setText(this.#runId, run.id);
    this.#runId.title = `The run's id: ${run.id}`;
    this.#copy.hidden = this.#page.hidden = !run.id;
    this.#stop.hidden = below || terminal || !run.id;
    this.#retry.hidden = below || !run.id || (run.status !== "FAILED" && run.status !== "CANCELLED");
    setText(this.#retry, run.status === "FAILED" ? "Retry failed" : "Retry");
    const [into, out] = run.tokens;
    setText(this.#tokens, run.tokens.length ? `${into} → ${out} tokens` : "");
    this.#context.announce(`${this.#context.graph.chain}: ${run.word}`);
    const { gone } = this.#context.follower;
    if (gone && !terminal && !below) setText(this.#notice, gone);
    this.#clock(run, now);
  }

  tick({ run }: Picture, now: number): void {
    this.#clock(run, now);
  }

  #clock(run: RunPicture, now: number): void {
    setText(this.#word, [run.word, elapsed(run, now)].filter(Boolean).join(" · "));
  }

  async #act(type: "stop" | "retry"): Promise<string> {
    const { ok, error } = await this.#context.follower.act({ type });
    return ok ? "" : error;
  }

  async #openPage(): Promise<string> {
    const { answer, error } = await this.#context.follower.ask({ type: "page" });
    if (!answer) return error;
    const url = URL.createObjectURL(new Blob([answer.html], { type: "text/html" }));
    html("a", { href: url, target: "_blank", rel: "noopener" }).click();
    setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
    return "";
  }

  /** `work` gives what went wrong, or "". */
  #button(label: string, work: () => Promise<string>): HTMLButtonElement {
    const button = html("button", { class: "tf-button", hidden: true, onclick: async () => {
      if (button.ariaDisabled) return; // one that is switched off would lose the focus
      button.ariaDisabled = "true";
      setText(this.#notice, "");
      setText(this.#notice, await work());
      button.ariaDisabled = null;
    } }, label);
    return button;
  }
}
