import { Lane } from "./lane.ts";
import type { StreamPicture } from "./protocol.ts";
import { Scroller } from "./scroller.ts";
import { Section } from "./section.ts";

const LANES: Record<string, string> = { text: "Text", thinking: "Thinking", tools: "Tools", log: "Log" };

/** What one unit says, word by word, each kind by itself: text, thinking, tools, log. */
export class Said {
  readonly sections: Section[];
  readonly #lanes = new Map<string, { section: Section; scroller: Scroller; lane: Lane; held: boolean }>();
  #turn = "";
  #known = false;

  constructor() {
    for (const [kind, title] of Object.entries(LANES)) {
      const section = new Section(title, kind !== "log");
      const scroller = new Scroller(title);
      section.body.append(scroller.root);
      const lane = new Lane();
      scroller.body.append(lane.root);
      this.#lanes.set(kind, { section, scroller, lane, held: false });
    }
    this.sections = [...this.#lanes.values()].map(({ section }) => section);
  }

  writeAnew({ turn, pieces }: StreamPicture): void {
    this.#begin(turn);
    for (const [kind, text] of pieces) this.write(turn, kind, text);
    this.settle();
  }

  write(turn: string, kind: string, text: string): void {
    if (turn !== this.#turn) this.#begin(turn);
    const name = kind in LANES ? kind : "tools";
    const lane = this.#lanes.get(name)!;
    if (!lane.held && !lane.section.root.hidden) lane.held = lane.scroller.scrolledUp;
    lane.section.root.hidden = name === "text" && this.#known;
    lane.lane.write(kind, text);
  }

  /** After all that came at once: shows the end to who follows. */
  settle(): void {
    for (const lane of this.#lanes.values()) {
      if (!lane.held && !lane.section.root.hidden) lane.scroller.toEnd();
      lane.held = false;
    }
  }

  /** Whether the text is the output, which is shown anyway. */
  quiet(known: boolean): void {
    const { section, lane } = this.#lanes.get("text")!;
    this.#known = known;
    section.root.hidden = known || !lane.root.firstChild;
  }

  #begin(turn: string): void {
    this.#turn = turn;
    this.#known = false;
    for (const lane of this.#lanes.values()) {
      lane.lane = new Lane();
      lane.scroller.body.replaceChildren(lane.lane.root);
      lane.section.root.hidden = true;
    }
  }
}
