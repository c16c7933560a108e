import { html } from "./dom.ts";
import { SHOWN_CHARACTERS } from "./protocol.ts";

/** Text that grows at its end, piece by piece, and is forgotten at its beginning. */
export class Lane {
  readonly root = html("div", { class: "tf-lane" });
  #length = 0;
  #kind = "";
  #last = document.createTextNode("");

  write(kind: string, text: string): void {
    if (this.#kind !== kind) {
      this.#kind = kind;
      this.#last = document.createTextNode("");
      this.root.append(html("span", { class: `tf-said tf-${kind}` }, this.#last));
    }
    this.#last.appendData(text);
    this.#length += text.length;
    while (this.#length > SHOWN_CHARACTERS) this.#forget();
  }

  #forget(): void {
    const first = this.root.firstChild?.firstChild as Text;
    const extra = Math.min(this.#length - SHOWN_CHARACTERS + 2000, first.length);
    this.#length -= extra;
    if (extra < first.length || first === this.#last) first.deleteData(0, extra);
    else this.root.firstChild?.remove();
  }
}
