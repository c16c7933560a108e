import type { Desk, RunRow, RunsPicture, RunsQuery } from "./desk.ts";
import { html, setText } from "./dom.ts";
import { badge } from "./icons.ts";
import { elapsed } from "./text.ts";

const STATUSES = ["RUNNING", "SUSPENDED", "SUCCEEDED", "FAILED", "CANCELLED", "READY"];
const COLUMNS: [title: string, key: (row: RunRow, now: number) => string | number][] = [
  ["run", (row) => row.id], ["chain", (row) => row.chain], ["status", (row) => row.status],
  ["started", (row) => row.started_at ?? 0], ["took", (row, now) => (row.finished_at ?? now) - (row.started_at ?? now)],
];

/** The runs by chain and status; each opens to its live view. */
export class Runs {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  #picture: RunsPicture;
  #query: RunsQuery;
  readonly #back: string[] = [];
  #sorted = { column: -1, down: false };
  #opened: { id: string; row: HTMLElement; remove: () => void } | undefined;
  readonly #counts = html("div", { class: "tf-counts", role: "group", "aria-label": "Status" });
  readonly #chain = html("select", { "aria-label": "Chain", onchange: () => this.#turn({ chain: this.#chain.value }) });
  readonly #head: HTMLElement[];
  readonly #body = html("tbody");
  readonly #newer = html("button", { type: "button", class: "tf-button", onclick: () => this.#page(this.#back.pop() ?? "") }, "Newer");
  readonly #older = html("button", { type: "button", class: "tf-button", onclick: () => {
    this.#back.push(this.#query.cursor);
    this.#page(this.#picture.next);
  } }, "Older");
  readonly #none = html("div", { class: "tf-boardnote", role: "status" });

  constructor(desk: Desk, picture: RunsPicture) {
    this.#desk = desk;
    this.#picture = picture;
    this.#query = picture.query;
    this.#head = COLUMNS.map(([title], at) => html("th", { scope: "col" },
      html("button", { type: "button", onclick: () => this.#sort(at) }, title)));
    this.root = html("section", { "aria-label": "Runs" },
      html("header", { class: "tf-bar" }, html("b", { class: "tf-chain" }, "Runs"), this.#counts, html("span", { class: "tf-space" }), this.#chain),
      html("div", { class: "tf-tablebox" }, html("table", {}, html("thead", {}, html("tr", {}, ...this.#head, html("th", { scope: "col" }, "note"))), this.#body)),
      this.#none, html("footer", { class: "tf-pages" }, this.#newer, this.#older));
    this.#draw();
  }

  async look(): Promise<void> {
    const asked = this.#query;
    const { picture } = await this.#desk.ask({ type: "look", query: asked });
    if (!picture || asked !== this.#query) return; // the reader went on meanwhile
    this.#picture = picture as RunsPicture;
    this.#draw();
  }

  #turn(change: Partial<RunsQuery>): void {
    this.#back.length = 0;
    this.#query = { ...this.#query, cursor: "", ...change };
    void this.look();
  }

  #page(cursor: string): void {
    this.#query = { ...this.#query, cursor };
    void this.look();
  }

  #sort(column: number): void {
    this.#sorted = { column, down: this.#sorted.column === column && !this.#sorted.down };
    this.#draw();
  }

  #draw(): void {
    const { counts, counted, chains, next, marks, now } = this.#picture;
    const options = ["", ...chains];
    if (options.length !== this.#chain.options.length) {
      this.#chain.replaceChildren(...options.map((name) => html("option", { value: name }, name || "All chains")));
    }
    this.#chain.value = this.#query.chain;
    const shown = STATUSES.filter((status) => counts[status] || status === this.#query.status);
    const focused = (document.activeElement as HTMLElement | null)?.dataset.filter;
    this.#counts.replaceChildren(...["", ...shown].map((status) => html("button", { type: "button", class: "tf-filter", "data-filter": status || "ALL",
      "data-status": status || null, "aria-pressed": String(status === this.#query.status), onclick: () => this.#turn({ status }) },
      status && badge(marks, status as RunRow["status"]), `${status ? status.toLowerCase() : "all"} ${status ? counts[status] ?? 0 : counted}`)));
    if (focused) this.#counts.querySelector<HTMLElement>(`[data-filter="${focused}"]`)?.focus();
    this.#head.forEach((cell, at) => cell.setAttribute("aria-sort", at !== this.#sorted.column ? "none" : this.#sorted.down ? "descending" : "ascending"));
    this.#drawRows(now);
    this.#newer.disabled = this.#back.length === 0;
    this.#older.disabled = !next;
    setText(this.#none, this.#picture.rows.length ? "" : "No runs.");
  }

  #drawRows(now: number): void {
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("tr")?.dataset.run;
    const rows = this.#order(now).map((row) => this.#row(row, now));
    const at = rows.findIndex((row) => row.dataset.run === this.#opened?.id);
    if (this.#opened && at < 0) this.#shut();
    const others = [...this.#body.children].filter((child) => child !== this.#opened?.row);
    for (const other of others) other.remove(); // the opened view stays where it is: it must not begin anew
    if (this.#opened) {
      this.#opened.row.before(...rows.slice(0, at + 1));
      this.#opened.row.after(...rows.slice(at + 1));
    } else this.#body.append(...rows);
    if (focused) this.#body.querySelector<HTMLElement>(`tr[data-run="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }

  #order(now: number): RunRow[] {
    const { column, down } = this.#sorted;
    const key = COLUMNS[column]?.[1];
    if (!key) return this.#picture.rows;
    const sign = down ? -1 : 1;
    return this.#picture.rows.toSorted((a, b) => (key(a, now) < key(b, now) ? -sign : key(a, now) > key(b, now) ? sign : 0));
  }

  #row(row: RunRow, now: number): HTMLElement {
    const open = this.#opened?.id === row.id;
    const started = row.started_at == null ? "" : new Date(row.started_at * 1000).toLocaleString();
    return html("tr", { "data-run": row.id, "data-status": row.status },
      html("td", {}, html("button", { type: "button", class: "tf-open", "aria-expanded": String(open), onclick: () => void this.#open(row.id) }, row.id)),
      html("td", {}, row.chain), html("td", { class: "tf-standing" }, badge(this.#picture.marks, row.status), row.word),
      html("td", { class: "tf-number" }, started), html("td", { class: "tf-number" }, elapsed(row, now)), html("td", { class: "tf-hint" }, row.note));
  }

  #shut(): void {
    this.#opened?.remove();
    this.#opened?.row.remove();
    this.#opened = undefined;
  }

  async #open(id: string): Promise<void> {
    const again = this.#opened?.id === id;
    this.#shut();
    if (again) return this.#draw();
    const { model_id } = await this.#desk.ask({ type: "open", run: id });
    const manager = this.#desk.model.widget_manager;
    if (!model_id || !manager) return;
    const view = await manager.create_view(await manager.get_model(model_id));
    const row = html("tr", { class: "tf-opened" }, html("td", { colspan: COLUMNS.length + 1 }, view.el));
    this.#opened = { id, row, remove: () => view.remove() };
    this.#body.append(row);
    this.#draw();
  }
}
