import { newId } from "./follower.ts";
import type { Ack, Json, Status, Time } from "./protocol.ts";
import type { Schema } from "./schema.ts";

const LOOK_MS = 2000;
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

export interface InboxPicture {
  kind: "inbox";
  now: Time;
  forms: WaitingForm[];
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

/** `counts` by status are of the newest runs, `counted` of them. */
export interface RunsPicture {
  kind: "runs";
  now: Time;
  query: RunsQuery;
  rows: RunRow[];
  next: string;
  chains: string[];
  counts: Record<string, number>;
  counted: number;
  marks: Record<Status, [shape: string, sign: string]>;
}

export type BoardPicture = InboxPicture | RunsPicture;

export type BoardAction =
  | { type: "look"; query?: RunsQuery }
  | { type: "resume"; run: string; unit: string; answer: Json; answer_id: string }
  | { type: "open"; run: string };

/** What Python says to an action: the picture as it is now, or which model is a run's view. */
export interface Reply extends Ack {
  picture?: BoardPicture;
  model_id?: string;
}

export interface BoardModel {
  get(name: "picture"): BoardPicture;
  on(name: "msg:custom", handler: (message: Reply) => void): void;
  off(name: "msg:custom", handler: (message: Reply) => void): void;
  send(content: { type: "here" } | { type: "action"; id: string; action: BoardAction }): void | Promise<void>;
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

  /** Calls `look` now and every two seconds while the element is in sight. */
  watch(element: HTMLElement, look: () => Promise<void>): void {
    const again = async () => {
      if (this.#closed) return;
      const { bottom, top, width } = element.getBoundingClientRect();
      if (document.visibilityState === "visible" && width > 0 && bottom > 0 && top < innerHeight) await look();
      this.#timer = setTimeout(() => void again(), LOOK_MS);
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

/** How long ago, roughly. */
export function age(since: Time | null, now: Time): string {
  if (since == null) return "";
  const s = Math.max(0, now - since);
  if (s < 60) return "just now";
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}
