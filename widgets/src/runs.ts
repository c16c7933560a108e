import { isBusy } from "./desk.ts";
import type { Desk, RunRow, RunsPicture, RunsQuery } from "./desk.ts";
import { html, setText } from "./dom.ts";
import { badge } from "./icons.ts";
import { elapsed } from "./text.ts";

const STATUSES = ["RUNNING", "SUSPENDED", "SUCCEEDED", "FAILED", "CANCELLED", "READY"];
const COLUMNS: [title: string, key: (row: RunRow, now: number) => string | number][] = [
  ["run", (row) => row.id], ["chain", (row) => row.chain], ["status", (row) => row.status],
  ["started", (row) => row.started_at ?? 0], ["took", (row, now) => (row.finished_at ?? now) - (row.started_at ?? now)],
];
const STARTED = 3;

/** One run's row: what is in it changes in place, so that a reader may select it. */
class Line {
  readonly root: HTMLElement;
  readonly #open: HTMLElement;
  readonly #standing = html("td", { class: "tf-standing" });
  readonly #took = html("td", { class: "tf-number" });
  readonly #note = html("td", { class: "tf-hint" });

  constructor({ id, chain, started_at }: RunRow, open: () => void) {
    const started = new Date((started_at ?? 0) * 1000);
    this.#open = html("button", { class: "tf-open", onclick: open }, id);
    this.root = html("tr", { "data-run": id }, html("td", {}, this.#open), html("td", { title: chain }, chain), this.#standing,
      html("td", { class: "tf-number", title: started.toLocaleString() }, when(started)), this.#took, this.#note);
  }

  update(row: RunRow, marks: RunsPicture["marks"], now: number, open: boolean): void {
    this.#open.setAttribute("aria-expanded", String(open));
    setText(this.#took, elapsed(row, now));
    setText(this.#note, row.note);
    this.#note.title = row.note;
    if (this.root.dataset.status === row.status) return;
    this.root.dataset.status = row.status;
    this.#standing.replaceChildren(badge(marks, row.status), row.word);
  }
}

/** The runs by chain and status; each opens to its live view. */
export class Runs {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  #picture: RunsPicture;
  #query: RunsQuery;
  /** The pages before this one: where each begins, and how many runs it had. */
  readonly #back: [cursor: string, runs: number][] = [];
  #sorted = { column: STARTED, down: true };
  #opened: { id: string; row: HTMLElement; remove: () => void } | undefined;
  readonly #lines = new Map<string, Line>();
  #counted = "";
  #listed = "";
  readonly #counts = html("div", { class: "tf-counts", role: "group", "aria-label": "Status" });
  readonly #chain = html("select", { "aria-label": "Chain", onchange: () => this.#turn({ chain: this.#chain.value }) });
  readonly #head: HTMLElement[];
  readonly #body = html("tbody", { onkeydown: (event: KeyboardEvent) => this.#walk(event) });
  readonly #newer = html("button", { class: "tf-button", onclick: () => this.#page(this.#back.pop()?.[0] ?? "") }, "Newer");
  readonly #older = html("button", { class: "tf-button", onclick: () => {
    this.#back.push([this.#query.cursor, this.#picture.rows.length]);
    this.#page(this.#picture.next);
  } }, "Older");
  readonly #where = html("span", { class: "tf-hint", role: "status" });

  constructor(desk: Desk, picture: RunsPicture) {
    this.#desk = desk;
    this.#picture = picture;
    this.#query = picture.query;
    this.#head = COLUMNS.map(([title], at) => html("th", { scope: "col" },
      html("button", { onclick: () => this.#sort(at) }, title)));
    this.root = html("section", { "aria-label": "Runs" },
      html("header", { class: "tf-bar" }, html("b", { class: "tf-chain" }, "Runs"), this.#counts, html("span", { class: "tf-space" }), this.#chain),
      html("div", { class: "tf-tablebox" }, html("table", { class: "tf-runs" }, html("thead", {}, html("tr", {}, ...this.#head, html("th", { scope: "col" }, "note"))), this.#body)),
      html("footer", { class: "tf-pages" }, this.#where, html("span", { class: "tf-space" }), this.#newer, this.#older));
    this.#draw();
  }

  async look(): Promise<void> {
    const asked = this.#query;
    const opened = this.#opened?.id ?? "";
    const { picture } = await this.#desk.ask({ type: "look", idle: !isBusy(this.root), query: asked, opened });
    if (!picture || asked !== this.#query || opened !== (this.#opened?.id ?? "")) return; // the reader went on meanwhile
    this.#picture = picture as RunsPicture;
    if (this.#picture.query.cursor !== asked.cursor) this.#back.length = 0; // that page's runs are gone: these are the newest
    this.#query = this.#picture.query;
    this.#draw();
  }

  #turn(change: Partial<RunsQuery>): void {
    this.#back.length = 0;
    this.#query = { ...this.#query, cursor: "", ...change };
    this.#shut();
    void this.look();
  }

  #page(cursor: string): void {
    this.#query = { ...this.#query, cursor };
    this.#shut();
    void this.look();
  }

  #sort(column: number): void {
    this.#sorted = { column, down: this.#sorted.column === column ? !this.#sorted.down : column >= STARTED };
    this.#draw();
  }

  #draw(): void {
    const { rows, next, now } = this.#picture;
    this.#drawCounts();
    this.#drawChains();
    this.#head.forEach((cell, at) => cell.setAttribute("aria-sort", at !== this.#sorted.column ? "none" : this.#sorted.down ? "descending" : "ascending"));
    this.#drawRows(now);
    this.#newer.disabled = this.#back.length === 0;
    this.#older.disabled = !next;
    setText(this.#where, rows.length ? this.#told(rows.length) : "No runs.");
  }

  /** Which of how many runs these are; and that a sorted page is no more than that. */
  #told(rows: number): string {
    const before = this.#back.reduce((sum, [, runs]) => sum + runs, 0);
    const several = this.#back.length > 0 || this.#picture.next !== "";
    const { column, down } = this.#sorted;
    const sorted = several && !(column === STARTED && down) ? ` Sorted by ${COLUMNS[column]![0]} among these; the others are older or newer.` : "";
    return `${many(before + 1)} to ${many(before + rows)} of ${this.#count(this.#query.status)}.${sorted}`;
  }

  #count(status: string): string {
    const { counts, total, complete } = this.#picture;
    return many(status ? counts[status] ?? 0 : total) + (complete ? "" : "+");
  }

  #drawCounts(): void {
    const { counts, marks } = this.#picture;
    const { status: chosen } = this.#query;
    const shown = ["", ...STATUSES.filter((status) => counts[status] || status === chosen)];
    const drawn = [chosen, ...shown.map((status) => `${status} ${this.#count(status)}`)].join();
    if (drawn === this.#counted) return;
    this.#counted = drawn;
    const focused = this.#counts.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.filter : undefined;
    this.#counts.replaceChildren(...shown.map((status) => html("button", { class: "tf-filter", "data-filter": status || "ALL",
      "data-status": status || null, "aria-pressed": String(status === chosen), onclick: () => this.#turn({ status }) },
      status && badge(marks, status as RunRow["status"]), `${status ? status.toLowerCase() : "all"} ${this.#count(status)}`)));
    if (focused) this.#counts.querySelector<HTMLElement>(`[data-filter="${focused}"]`)?.focus();
  }

  #drawChains(): void {
    const chains: [string, string][] = [["", "All chains"], ...this.#picture.chains];
    const listed = JSON.stringify(chains);
    if (listed !== this.#listed) this.#chain.replaceChildren(...chains.map(([ref, title]) => html("option", { value: ref }, title)));
    this.#listed = listed;
    this.#chain.value = this.#query.chain;
  }

  #drawRows(now: number): void {
    const rows = this.#order(now);
    const ids = new Set(rows.map(({ id }) => id));
    if (this.#opened && !ids.has(this.#opened.id)) this.#shut(); // it was forgotten
    const wanted = rows.flatMap((row) => {
      let line = this.#lines.get(row.id);
      if (!line) this.#lines.set(row.id, line = new Line(row, () => void this.#open(row.id)));
      const open = this.#opened?.id === row.id;
      line.update(row, this.#picture.marks, now, open);
      return open ? [line.root, this.#opened!.row] : [line.root];
    });
    for (const id of this.#lines.keys()) if (!ids.has(id)) this.#lines.delete(id);
    const shown = [...this.#body.children];
    if (shown.length === wanted.length && shown.every((row, at) => row === wanted[at])) return;
    const focused = document.activeElement as HTMLElement | null;
    for (const row of shown) if (!wanted.includes(row as HTMLElement)) row.remove();
    const opened = wanted.indexOf(this.#opened?.row as HTMLElement); // it stays where it is: what lives in it must not begin anew
    if (opened >= 0 && this.#opened!.row.isConnected) {
      this.#opened!.row.before(...wanted.slice(0, opened));
      this.#opened!.row.after(...wanted.slice(opened + 1));
    } else this.#body.append(...wanted);
    if (focused?.isConnected && focused !== document.activeElement && this.#body.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** With the opened one, which stays until its reader is done with it. */
  #order(now: number): RunRow[] {
    const { rows, opened } = this.#picture;
    const { column, down } = this.#sorted;
    const key = COLUMNS[column]![1];
    const sign = down ? -1 : 1;
    const every = opened && opened.id === this.#opened?.id ? [...rows, opened] : rows;
    if (every === rows && column === STARTED && down) return rows; // as the store has them
    return every.toSorted((a, b) => (key(a, now) < key(b, now) ? -sign : key(a, now) > key(b, now) ? sign : 0));
  }

  #walk(event: KeyboardEvent): void {
    const from = event.target as HTMLElement;
    if (!from.matches(".tf-open")) return;
    const all = [...this.#body.querySelectorAll<HTMLElement>(":scope > tr > td > .tf-open")];
    const to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (to) all[all.indexOf(from) + to]?.focus();
    else if (event.key === "Escape" && this.#opened) (this.#shut(), this.#draw());
    else return;
    event.preventDefault();
  }

  #shut(): void {
    this.#opened?.remove();
    this.#opened?.row.remove();
    this.#opened = undefined;
  }

  async #open(id: string): Promise<void> {
    const again = this.#opened?.id === id;
    this.#shut();
    this.#draw();
    if (again) return;
    const { model_id } = await this.#desk.ask({ type: "open", run: id });
    const manager = this.#desk.model.widget_manager;
    if (!model_id || !manager || this.#opened || !this.#lines.has(id)) return;
    const view = await manager.create_view(await manager.get_model(model_id));
    const row = html("tr", { class: "tf-opened" }, html("td", { colspan: COLUMNS.length + 1 }, view.el));
    this.#opened = { id, row, remove: () => view.remove() };
    this.#draw();
  }
}

/** Today the time is enough. */
function when(at: Date): string {
  if (at.toDateString() === new Date().toDateString()) return at.toLocaleTimeString();
  return at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** 12 345, as Python writes it. */
function many(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}
