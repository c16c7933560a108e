import { html } from "./dom.ts";

const INLINE = /(`+)([^`][^]*?)\1(?!`)|\*\*([^*\s][^]*?)\*\*|\*([^*\s][^*]*?)\*|\[([^\][]*)\]\(([^()\s]+)\)/g;
const LIST = /^\s{0,6}([-*+]|\d{1,9}[.)])\s+(.*)$/;
const DEEPEST = 4; // bold in a link in bold: more is text

/** Text as a model writes it: paragraphs, headings, lists, quotes, code, bold, links. Everything else stays text. */
export function markdown(text: string): HTMLElement {
  const root = html("div", { class: "tf-markdown" });
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) at = block(lines, at, root);
  return root;
}

/** Writes the block that begins at a line; gives the line after it. */
function block(lines: string[], at: number, root: HTMLElement): number {
  const line = lines[at]!;
  const fence = /^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1];
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (!line.trim()) return at + 1;
  if (fence) {
    const end = lines.findIndex((other, index) => index > at && other.trim().startsWith(fence));
    const last = end < 0 ? lines.length : end;
    root.append(html("pre", { class: "tf-code" }, lines.slice(at + 1, last).join("\n")));
    return last + 1;
  }
  if (heading) {
    root.append(html("p", { class: "tf-heading" }, ...inline(heading[2]!)));
    return at + 1;
  }
  if (LIST.test(line)) return list(lines, at, root);
  const quoted = line.startsWith(">");
  let end = at;
  while (end < lines.length && lines[end]!.trim() && (end === at || !begins(lines[end]!)) && lines[end]!.startsWith(">") === quoted) end++;
  const words = lines.slice(at, end).map((part) => (quoted ? part.replace(/^>\s?/, "") : part)).join("\n");
  root.append(html(quoted ? "blockquote" : "p", {}, ...inline(words)));
  return end;
}

function begins(line: string): boolean {
  return LIST.test(line) || /^(#{1,6}\s|\s{0,3}(```|~~~))/.test(line);
}

function list(lines: string[], at: number, root: HTMLElement): number {
  const first = LIST.exec(lines[at]!)![1]!;
  const made = html(/\d/.test(first) ? "ol" : "ul", { start: /\d/.test(first) ? parseInt(first, 10) : null });
  for (let found; at < lines.length && (found = LIST.exec(lines[at]!)); at++) {
    let text = found[2]!;
    while (at + 1 < lines.length && lines[at + 1]!.trim() && !begins(lines[at + 1]!)) text += `\n${lines[++at]}`;
    made.append(html("li", {}, ...inline(text)));
  }
  root.append(made);
  return at;
}

function inline(text: string, depth = 0): (Node | string)[] {
  if (depth >= DEEPEST) return [text];
  const parts: (Node | string)[] = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, , code, bold, slanted, label, address] = found;
    parts.push(text.slice(from, found.index));
    from = found.index + whole.length;
    if (code !== undefined) parts.push(html("code", {}, code));
    else if (bold !== undefined) parts.push(html("b", {}, ...inline(bold, depth + 1)));
    else if (slanted !== undefined) parts.push(html("i", {}, ...inline(slanted, depth + 1)));
    else parts.push(link(label!, address!) ?? whole);
  }
  parts.push(text.slice(from));
  return parts;
}

/** Only to the web; where it leads is said, for its words may lie. */
function link(label: string, address: string): HTMLElement | undefined {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return undefined;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
  const words = label && label !== address ? `${label} (${url.host})` : url.href;
  return html("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href }, words);
}
