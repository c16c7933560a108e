import { newId } from "./follower.ts";
import type { Ack, Json, Status, Time } from "./protocol.ts";
import type { Schema } from "./schema.ts";

const LOOK_MS = 2000;
const REST = 10; // times as long as a look took is Python left alone after it,
const REST_MS = 20_000; // but not longer
const ACK_MS = 8000;

export interface WaitingForm {
  key: string;
  run: string;
  chain: string;
  unit: string;
  message: string;
  schema: Schema;
  initial: Json;
  since: Time | null;
}

/** What became of a form that this board has shown; `here`: it was answered on this board. */
export interface FormRecord {
  key: string;
  run: string;
  chain: string;
  unit: string;
  word: string;
  here: boolean;
  at: Time | null;
}

/** `forms` are those that wait longest, `waiting` how many there are. */
export interface InboxPicture {
  kind: "inbox";
  now: Time;
  forms: WaitingForm[];
  waiting: number;
  records: FormRecord[];
}

export interface RunRow {
  id: string;
  chain: string;
  status: Status;
  word: string;
  started_at: Time | null;
  finished_at: Time | null;
  note: string;
}

export interface RunsQuery {
  chain: string;
  status: string;
  cursor: string;
}

/** `counts` by status, and `total`, are of the chain; of the newest runs only, unless `complete`.
 * `opened` is the row of the run that was asked for, where it is none of `rows`. */
export interface RunsPicture {
  kind: "runs";
  now: Time;
  query: RunsQuery;
  rows: RunRow[];
  opened: RunRow | null;
  next: string;
  chains: [ref: string, title: string][];
  counts: Record<string, number>;
  total: number;
  complete: boolean;
  marks: Record<Status, [shape: string, sign: string]>;
}

export type BoardPicture = InboxPicture | RunsPicture;

/** `idle`: nobody is at work on the board, so that its saved table may be drawn anew. */
export type BoardAction =
  | { type: "look"; idle: boolean; query?: RunsQuery; opened?: string }
  | { type: "resume"; run: string; unit: string; key: string; answer: Json; answer_id: string }
  | { type: "open"; run: string };

/** What Python says to an action: the picture as it is now, or which model is a run's view. */
export interface Reply extends Ack {
  picture?: BoardPicture;
  model_id?: string;
}

export interface BoardModel {
  get(name: "picture"): BoardPicture;
  get(name: "view"): string;
  on(name: "msg:custom", handler: (message: Reply) => void): void;
  off(name: "msg:custom", handler: (message: Reply) => void): void;
  send(content: { type: "action"; id: string; action: BoardAction }): void | Promise<void>;
  /** The notebook's, to show another widget inside this one. */
  widget_manager?: { get_model(id: string): Promise<unknown>; create_view(model: unknown): Promise<{ el: HTMLElement; remove(): void }> };
}

/** A board's end of the wire: one question at a time, and none while nobody looks. */
export class Desk {
  readonly model: BoardModel;
  readonly #tell: (error: string) => void;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  readonly #onMessage = (message: Reply) => this.#waiting.get(message.id)?.(message);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(model: BoardModel, tell: (error: string) => void) {
    this.model = model;
    this.#tell = tell;
    model.on("msg:custom", this.#onMessage);
  }

  /** Calls `look` now and every two seconds while the element is in sight; less often where it takes its time. */
  watch(element: HTMLElement, look: () => Promise<void>): void {
    const again = async () => {
      if (this.#closed) return;
      const begun = performance.now();
      const { bottom, top, width } = element.getBoundingClientRect();
      if (document.visibilityState === "visible" && width > 0 && bottom > 0 && top < innerHeight) await look();
      const rest = Math.min(REST * (performance.now() - begun), REST_MS);
      this.#timer = setTimeout(() => void again(), Math.max(LOOK_MS, rest));
    };
    this.#timer = setTimeout(() => void again());
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.model.off("msg:custom", this.#onMessage);
  }

  /** Always resolves, with an `ok`; what went wrong is told too. */
  async ask(action: BoardAction, id = newId()): Promise<Reply> {
    const refused = (error: string): Reply => ({ type: "ack", id, ok: false, fields: {}, error });
    const reply = new Promise<Reply>((resolve) => {
      const timer = setTimeout(() => resolve(refused("The kernel does not answer yet. If it was restarted, run the cell again.")), ACK_MS);
      this.#waiting.set(id, (said) => (clearTimeout(timer), resolve(said)));
    });
    try {
      await this.model.send({ type: "action", id, action });
    } catch {
      this.#waiting.get(id)?.(refused("The kernel is gone: run the cell again."));
    }
    const said = await reply;
    this.#waiting.delete(id);
    this.#tell(said.ok || action.type === "resume" ? "" : said.error);
    return said;
  }
}

/** Whether somebody is at work on a part of a board. */
export function isBusy(root: HTMLElement): boolean {
  return root.contains(document.activeElement) || root.querySelector("details[open], .tf-opened") !== null;
}

/** How long ago, roughly. */
export function age(since: Time | null, now: Time): string {
  if (since == null) return "";
  const s = Math.max(0, now - since);
  if (s < 60) return "just now";
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}
