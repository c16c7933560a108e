import { html, svg } from "./dom.ts";
import { markdown } from "./markdown.ts";
import type { Json } from "./protocol.ts";

const OPEN_ROWS = 12; // a list or object of up to so many entries stands open
const MOST_ROWS = 200; // entries drawn at once: more are asked for
const DEEP_OPEN = 2;
const IMAGE = /^image\/(png|jpeg|gif|webp)$/; // an SVG may carry links and styles of its own
const BASE64 = /^[A-Za-z0-9+/=\s]+$/;
type Row = Record<string, Json>;

/** A value as it is read best: rows as a table, text as Markdown, an image as one, anything else as a tree. */
export function shown(of: Json): HTMLElement {
  if (typeof of === "string") return dataImage(of) ?? markdown(of);
  if (isImage(of)) return picture(`data:${of.mime as string};base64,${of.data as string}`);
  if (isRows(of)) return table(of);
  return html("div", { class: "tf-tree" }, tree(of, "", 0));
}

/** A value as text to copy. */
export function asText(of: Json): string {
  return typeof of === "string" ? of : JSON.stringify(of, null, 2);
}

export function copyButton(text: () => string, what: string): HTMLButtonElement {
  const icon = (d: string) => svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }, svg("path", { d }));
  const [copy, done] = ["M5.5 5.5V2.6h7.9v7.9h-2.9M2.6 5.5h7.9v7.9H2.6z", "M3 8.5 6.5 12 13 4.5"];
  const button = html("button", { class: "tf-tool tf-copy", title: `Copy ${what}`, "aria-label": `Copy ${what}`,
    onclick: async () => {
      await copyText(text());
      button.replaceChildren(icon(done));
      setTimeout(() => button.replaceChildren(icon(copy)), 1200);
    } }, icon(copy));
  return button;
}

/** Without the clipboard's own door, which only a secure page has, by a selection. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  const area = html("textarea", { style: "position:fixed;opacity:0" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function isImage(of: Json): of is Row {
  if (of === null || typeof of !== "object" || Array.isArray(of)) return false;
  return typeof of.mime === "string" && IMAGE.test(of.mime) && typeof of.data === "string" && BASE64.test(of.data);
}

function dataImage(text: string): HTMLElement | undefined {
  const [head, data] = text.split(";base64,", 2);
  if (!head?.startsWith("data:") || !IMAGE.test(head.slice(5)) || !data || !BASE64.test(data)) return undefined;
  return picture(text);
}

function picture(source: string): HTMLElement {
  return html("img", { class: "tf-image", src: source, alt: "the image this node gave" });
}

function isFlat(of: Json | undefined): boolean {
  return of === null || typeof of !== "object";
}

/** A list of objects whose values are no lists or objects. */
function isRows(of: Json): of is Row[] {
  return Array.isArray(of) && of.length > 0 && of.every((row) =>
    row !== null && typeof row === "object" && !Array.isArray(row) && Object.values(row).every(isFlat));
}

function table(rows: Row[]): HTMLElement {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const body = html("tbody");
  const draw = (from: number) => {
    for (const row of rows.slice(from, from + MOST_ROWS)) {
      body.append(html("tr", {}, ...columns.map((column) => {
        const value = row[column];
        return html("td", { class: typeof value === "number" && "tf-number" }, value === undefined ? "" : scalar(value));
      })));
    }
  };
  draw(0);
  return html("div", { class: "tf-rows", tabindex: "0", role: "group", "aria-label": "Table" },
    html("table", {}, html("thead", {}, html("tr", {}, ...columns.map((name) =>
      html("th", { scope: "col", class: typeof rows[0]![name] === "number" && "tf-number" }, name)))), body),
    rows.length > MOST_ROWS && more(rows.length, draw));
}

function scalar(of: Json): string {
  return typeof of === "string" ? of : JSON.stringify(of);
}

function more(total: number, draw: (from: number) => void): HTMLElement {
  let drawn = MOST_ROWS;
  const label = () => `${drawn} of ${total}: show more`;
  const button = html("button", { class: "tf-button", onclick: () => {
    draw(drawn);
    drawn += MOST_ROWS;
    if (drawn >= total) button.remove();
    else button.textContent = label();
  } }, label());
  return button;
}

/** A branch that folds; it is drawn when it is first opened. */
function tree(of: Json, name: string, depth: number): HTMLElement {
  const label = name && html("span", { class: "tf-key" }, name);
  if (of === null || typeof of !== "object") {
    return html("div", { class: "tf-leaf" }, label, html("span", { class: `tf-${of === null ? "null" : typeof of}` }, JSON.stringify(of)));
  }
  const entries: [string, Json][] = Array.isArray(of) ? of.map((value, at) => [String(at), value]) : Object.entries(of);
  const [open, close] = Array.isArray(of) ? "[]" : "{}";
  if (!entries.length) return html("div", { class: "tf-leaf" }, label, html("span", { class: "tf-null" }, `${open}${close}`));
  const branch = html("div", { class: "tf-branch" });
  const size = `${open}${entries.length} ${entries.length === 1 ? "entry" : "entries"}${close}`;
  const root = html("details", { class: "tf-fold" }, html("summary", {}, label, html("span", { class: "tf-null" }, size)), branch);
  const grow = () => {
    if (branch.firstChild) return;
    const draw = (from: number) => branch.append(
      ...entries.slice(from, from + MOST_ROWS).map(([key, value]) => tree(value, key, depth + 1)));
    draw(0);
    if (entries.length > MOST_ROWS) root.append(more(entries.length, draw));
  };
  root.addEventListener("toggle", () => root.open && grow());
  if (depth < DEEP_OPEN && entries.length <= OPEN_ROWS) {
    grow();
    root.open = true;
  }
  return root;
}
