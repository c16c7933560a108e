import { Details } from "./details.ts";
import { html, keepKeys, setText } from "./dom.ts";
import { Follower } from "./follower.ts";
import { Forms } from "./forms.ts";
import { Graph } from "./graph.ts";
import { Answers, Errors, Result } from "./outcome.ts";
import type { Context, Crumb, Nested, Panel } from "./panel.ts";
import { nodeOf } from "./protocol.ts";
import type { Change, GraphPicture, Model } from "./protocol.ts";
import { RunBar } from "./runbar.ts";
import { Streams } from "./streams.ts";
import { Timeline } from "./timeline.ts";

const TICK_MS = 200;
const ANNOUNCE_MS = 1000; // a screen reader can't keep up with every change
const SAID = 4; // the last ones say most
const MUCH = 500; // texts that wait to be drawn: drawing the whole picture is less work

/** What several changes ask to be drawn; null asks for everything, and so do too many. */
function merge(pending: Change | null, delta: Change | null): Change | null {
  if (!delta || !pending || (pending.text?.length ?? 0) > MUCH) return null;
  return { ...pending, ...delta, nodes: { ...pending.nodes, ...delta.nodes }, spans: { ...pending.spans, ...delta.spans },
    text: [...(pending.text ?? []), ...(delta.text ?? [])] };
}

/** The whole view: it makes the panels, and tells them in frames what has changed. */
export class View implements Context, Nested {
  readonly root: HTMLElement;
  readonly trail: readonly Crumb[];
  readonly graph: GraphPicture;
  readonly follower: Follower;
  readonly #panels: Panel[];
  readonly #streams: Streams;
  readonly #forms: Forms;
  readonly #details: Details;
  readonly #spoken = html("div", { class: "tf-spoken", "aria-live": "polite" });
  readonly #timer: ReturnType<typeof setInterval>;
  #pending: Change | null = {};
  #drawing: ReturnType<typeof setTimeout> | null = null;
  #saying: ReturnType<typeof setTimeout> | null = null;
  readonly #toSay: string[] = [];
  #drawnAt = 0;
  #cost = 0;
  #opener: Element | null = null;

  constructor(model: Model, trail: readonly Crumb[] = []) {
    this.trail = trail;
    this.graph = model.get("graph");
    this.follower = new Follower(model, (delta) => this.#note(delta));
    this.#streams = new Streams(this);
    this.#forms = new Forms(this);
    this.#details = new Details(this, () => this.#closed());
    const [graph, timeline] = [new Graph(this), new Timeline(this)];
    this.#panels = [new RunBar(this, graph.root, timeline), graph, timeline, this.#details, new Errors(this), this.#streams, this.#forms,
      new Answers(), new Result()];
    this.root = html("section", { class: trail.length ? "tf tf-live tf-nested" : "tf tf-live",
      "aria-label": [...trail.map(({ name }) => name), `Chain ${this.graph.chain}`].join(", "),
      onfocusin: keepKeys }, ...this.#panels.map((panel) => panel.root), this.#spoken);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Once it is on the page. */
  start(saved = false): void {
    this.follower.start(saved);
  }

  open(node: string): void {
    this.#opener = document.activeElement;
    this.#details.show(node, false);
    this.#streams.leaveOut(node);
    this.#forms.reveal((unit) => nodeOf(unit) === node) || this.#details.show(node, true);
  }

  nest(model: Model, unit: string): Nested {
    const show = () => (this.root.scrollIntoView({ block: "nearest" }), this.root.querySelector<HTMLElement>(".tf-chain")?.focus());
    return new View(model, [...this.trail, { name: this.graph.chain, show }, { name: unit, show: () => this.#details.show(unit, true) }]);
  }

  announce(text: string): void {
    if (text !== this.#toSay.at(-1)) this.#toSay.push(text);
    this.#saying ??= setTimeout(() => {
      this.#saying = null;
      setText(this.#spoken, this.#toSay.splice(0).slice(-SAID).join(". "));
    }, ANNOUNCE_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#drawing) clearTimeout(this.#drawing);
    if (this.#saying) clearTimeout(this.#saying);
    for (const panel of this.#panels) panel.close?.();
    this.follower.stop();
  }

  /** The panel of a node was closed: back to where it was opened. */
  #closed(): void {
    this.#streams.leaveOut(null);
    this.#takeFocus(this.#opener);
  }

  /** To the graph, or to the chain's name while the graph is hidden, if the element is gone. */
  #takeFocus(wanted: Element | null): void {
    const { root } = this;
    const here = [wanted, root.querySelector(".tf-canvas [tabindex='0']"), root.querySelector(".tf-chain")];
    const to = here.find((one) => one && root.contains(one) && one.checkVisibility()) as HTMLElement | undefined;
    to?.focus({ preventScroll: true });
  }

  /** Draws at once, or soon if drawing takes its time: a slow page falls back in frames, not behind. */
  #note(delta: Change | null): void {
    this.#pending = merge(this.#pending, delta);
    const wait = this.#drawnAt + 2 * this.#cost - performance.now();
    if (wait <= 0 && !this.#drawing) this.#draw();
    else this.#drawing ??= setTimeout(() => this.#draw(), wait);
  }

  #draw(): void {
    const begun = performance.now();
    const pending = this.#pending;
    this.#drawing = null;
    this.#pending = {};
    const { picture, gone } = this.follower;
    const focused = this.root.contains(document.activeElement) && document.activeElement;
    for (const panel of this.#panels) panel.update(picture, pending, this.follower.now());
    if (focused && !(focused.isConnected && focused.checkVisibility())) this.#takeFocus(null); // what it was in has gone
    this.root.dataset.seq = String(picture.seq);
    this.root.classList.toggle("tf-gone", !!gone);
    this.#drawnAt = performance.now();
    this.#cost = Math.min(this.#drawnAt - begun, 250);
  }

  #tick(): void {
    const { picture, gone } = this.follower;
    if (gone || picture.run.finished_at != null || !picture.run.started_at) return;
    for (const panel of this.#panels) panel.tick?.(picture, this.follower.now());
  }
}
