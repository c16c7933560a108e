import { html } from "./dom.ts";
import { SHOWN_CHARACTERS } from "./protocol.ts";

const LEAF = 500; // characters
const END = 4000; // characters: more than a box shows at once

/** Text that grows at its end, piece by piece, and is forgotten at its beginning. */
export class Lane {
  readonly root = html("div", { class: "tf-lane" });
  #length = 0;
  #kind = "";
  #leaf = document.createTextNode("");
  readonly #above: [kind: string, leaf: Text][] = []; // kept, but not on the page

  write(kind: string, text: string): void {
    if (this.#kind !== kind) {
      this.#kind = kind;
      this.root.append(html("span", { class: `tf-said tf-${kind}` }, this.#leaf = document.createTextNode("")));
    } else if (this.#leaf.length > LEAF) this.#leaf.after(this.#leaf = document.createTextNode(""));
    this.#leaf.appendData(text);
    this.#length += text.length;
    while (this.#length > SHOWN_CHARACTERS) this.#forget();
  }

  /** Leaves only the end on the page: a text is laid out as a whole, at every word that comes. */
  shorten(): void {
    let shown = this.#length;
    for (const [, leaf] of this.#above) shown -= leaf.length;
    while (shown > END) {
      const first = this.#first();
      if (first === this.#leaf || (shown -= first.length) < END) break;
      this.#above.push([this.root.firstElementChild!.className, first]);
      this.#remove(first);
    }
  }

  /** Whether a part is not on the page. */
  get short(): boolean {
    return this.#above.length > 0;
  }

  /** Puts all of it on the page. */
  whole(): void {
    for (const [kind, leaf] of this.#above.splice(0).reverse()) {
      const first = this.root.firstElementChild!;
      if (first.className === kind) first.prepend(leaf);
      else first.before(html("span", { class: kind }, leaf));
    }
  }

  #first(): Text {
    return this.root.firstChild?.firstChild as Text;
  }

  #remove(leaf: Text): void {
    if (leaf.nextSibling) leaf.remove();
    else leaf.parentElement!.remove();
  }

  #forget(): void {
    const first = this.#above[0]?.[1] ?? this.#first();
    const extra = Math.min(this.#length - SHOWN_CHARACTERS + 2000, first.length);
    this.#length -= extra;
    if (extra < first.length || first === this.#leaf) first.deleteData(0, extra);
    else if (this.#above.length) this.#above.shift();
    else this.#remove(first);
  }
}
