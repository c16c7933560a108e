import { Lane } from "./lane.ts";
import type { StreamPicture } from "./protocol.ts";
import { Scroller } from "./scroller.ts";
import { Section } from "./section.ts";

const LANES: Record<string, string> = { text: "Text", thinking: "Thinking", tools: "Tools", log: "Log" };

/** What one unit says, word by word, each kind by itself: text, thinking, tools, log. */
export class Said {
  readonly sections: Section[];
  readonly #lanes = new Map<string, { section: Section; scroller: Scroller; lane: Lane }>();
  #turn = "";
  #known = false;

  constructor() {
    for (const [kind, title] of Object.entries(LANES)) {
      const section = new Section(title, kind !== "log");
      const scroller = new Scroller(title);
      section.body.append(scroller.root);
      this.#lanes.set(kind, { section, scroller, lane: new Lane() });
    }
    this.sections = [...this.#lanes.values()].map(({ section }) => section);
  }

  writeAnew({ turn, pieces }: StreamPicture, over: boolean): void {
    this.#begin(turn);
    for (const [kind, text] of pieces) this.write(turn, kind, text);
    this.settle(over);
  }

  write(turn: string, kind: string, text: string): void {
    if (turn !== this.#turn) this.#begin(turn);
    const name = kind in LANES ? kind : "tools";
    const lane = this.#lanes.get(name)!;
    lane.scroller.begin();
    lane.section.root.hidden = name === "text" && this.#known;
    lane.lane.write(kind, text);
  }

  /** After all that came at once. `over`: nothing more is to come. */
  settle(over: boolean): void {
    for (const { scroller } of this.#lanes.values()) scroller.settle(over);
    for (const { scroller } of this.#lanes.values()) scroller.follow();
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
      lane.scroller.hold(lane.lane);
      lane.section.root.hidden = true;
    }
  }
}
