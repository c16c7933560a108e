import { html, setText } from "./dom.ts";
import { badge } from "./icons.ts";
import type { Context, Panel } from "./panel.ts";
import { nodeOf } from "./protocol.ts";
import type { Change, Picture, Span, Time } from "./protocol.ts";
import { duration } from "./text.ts";

const MOST_ROWS = 200;
const TICKS = 6;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];
export const KINDS = { wait: "waited", run: "ran", ask: "waited for an answer" };

/** What ran when, waiting apart from running: a row for each unit, in the order they began. */
export class Timeline implements Panel {
  readonly root: HTMLElement;
  readonly #context: Context;
  readonly #scale = html("div", { class: "tf-scale", "aria-hidden": "true" });
  readonly #rows = html("div", { class: "tf-gantt" });
  readonly #note = html("div", { class: "tf-hint" });
  readonly #who = html("div", { class: "tf-legend" });
  readonly #buttons = new Map<string, HTMLElement>();
  #behind = true;

  constructor(context: Context) {
    this.#context = context;
    const key = Object.entries(KINDS).map(([kind, words]) => html("span", { class: "tf-swatch", "data-kind": kind }, words));
    this.root = html("section", { class: "tf-timeline", hidden: true, "aria-label": "Timeline" },
      html("div", { class: "tf-legend" }, ...key, this.#note), this.#who, this.#scale, this.#rows);
  }

  /** Instead of the graph, or not. */
  show(on: boolean): void {
    this.root.hidden = !on;
    if (on && this.#behind) this.#draw(this.#context.follower.picture, this.#context.follower.now());
  }

  update(picture: Picture, delta: Change | null, now: Time): void {
    if (delta && !delta.spans && !delta.nodes && !delta.run) return;
    this.#behind = true;
    if (!this.root.hidden) this.#draw(picture, now);
  }

  tick(picture: Picture, now: Time): void {
    if (!this.root.hidden && !this.#rows.querySelector(":active")) this.#draw(picture, now); // a row is pressed just now
  }

  /** All of it each time, for all moves while time goes on; but a row stays, for it may be focused. */
  #draw({ run, spans, nodes }: Picture, now: Time): void {
    this.#behind = false;
    const units = Object.entries(spans).filter(([, of]) => of.length > 0).sort(([, a], [, b]) => a[0]!.began - b[0]!.began);
    const begin = Math.min(run.started_at ?? Infinity, ...units.map(([, of]) => of[0]!.began));
    const end = Math.max(begin + 0.1, run.finished_at ?? now, ...units.map(([, of]) => of.at(-1)!.ended ?? 0));
    const workers = workersOf(units.flatMap(([, of]) => of));
    this.#who.hidden = workers.length < 2; // one needs no telling
    setText(this.#who, workers.join(" · "));
    this.#scale.replaceChildren(...ticks(end - begin));
    setText(this.#note, units.length > MOST_ROWS ? `the first ${MOST_ROWS} of ${units.length}` : units.length ? "" : "Nothing has begun yet.");
    const rows = units.slice(0, MOST_ROWS).map(([unit, of]) => this.#row(unit, of, nodes, begin, end, now));
    const { children } = this.#rows;
    if ([...children].some((row, at) => row !== rows[at])) this.#rows.replaceChildren();
    this.#rows.append(...rows.slice(children.length));
  }

  #row(unit: string, spans: Span[], nodes: Picture["nodes"], begin: Time, end: Time, now: Time): HTMLElement {
    const node = nodeOf(unit);
    const standing = nodes[node];
    const worked = spans.filter(({ kind }) => kind === "run").reduce((sum, span) => sum + (span.ended ?? now) - span.began, 0);
    const percent = (seconds: number) => `${((100 * seconds) / (end - begin)).toFixed(2)}%`;
    const bars = spans.map((span) => html("span", { class: span.error ? "tf-span tf-broken" : "tf-span", "data-kind": span.kind,
      title: says(span, now), style: `left:${percent(span.began - begin)};width:${percent((span.ended ?? now) - span.began)}` }));
    const status = unit === node ? standing?.status : undefined;
    const row = this.#buttons.get(unit) ?? html("button", { class: unit === node ? "tf-row" : "tf-row tf-sub",
      "data-unit": unit, onclick: () => this.#context.open(node) });
    this.#buttons.set(unit, row);
    row.dataset.status = standing?.status;
    row.replaceChildren(
      html("span", { class: "tf-rowname", title: unit }, status && badge(this.#context.graph.marks, status), html("span", {}, unit),
        !this.#who.hidden && html("b", { class: "tf-tag" }, workersOf(spans).map((worker) => worker.split(" ", 1)).join(" "))),
      html("span", { class: "tf-spoken" }, ["", standing?.word, ...spans.map((span) => says(span, now))].join(", ")),
      html("span", { class: "tf-track" }, ...bars), html("span", { class: "tf-took", "aria-hidden": "true" }, worked ? duration(worked) : ""));
    return row;
  }
}

function workersOf(spans: Span[]): string[] {
  return [...new Set(spans.map(({ worker }) => worker))].filter(Boolean);
}

function says({ kind, began, ended, attempt, error, worker }: Span, now: Time): string {
  const took = `${KINDS[kind]} ${duration((ended ?? now) - began)}${worker && ` on ${worker}`}`;
  return [attempt > 1 && kind === "run" ? `attempt ${attempt} ${took}` : took, error].filter(Boolean).join(": ");
}

function ticks(length: number): HTMLElement[] {
  const step = STEPS.find((seconds) => length / seconds <= TICKS) ?? Math.ceil(length / TICKS / 86400) * 86400;
  const made = [];
  for (let at = 0; at <= length; at += step) {
    made.push(html("span", { style: `left:${((100 * at) / length).toFixed(2)}%` }, at ? duration(at) : "0"));
  }
  return made;
}
