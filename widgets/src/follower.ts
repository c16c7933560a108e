import { SHOWN_CHARACTERS } from "./protocol.ts";
import type {
  Ack, Action, Answers, Change, FromKernel, Model, Picture, Question, Reply, ToKernel, Words,
} from "./protocol.ts";

const ACK_MS = 8000;
const RESYNC_MS = 1000;
const SETTLE_MS = 100; // a notebook that restarts its kernel first says so, then closes the wire

/** What is told of a change; null says that all may be different. */
export type Changed = (delta: Change | null) => void;

/** The same id for the same wish. */
export function newId(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`; // unknown where the page came by http
}

/** Follows a run: one snapshot, then numbered deltas; a gap in the numbers asks for a snapshot. */
export class Follower {
  picture: Picture;
  /** What to do if the kernel is gone; "" while it may be there. */
  gone = "";
  readonly #model: Model;
  readonly #changed: Changed;
  #skew = 0;
  readonly #waiting = new Map<string, (answer: Ack | Reply) => void>();
  readonly #below = new Map<string, (message: FromKernel) => void>();
  #resyncAt = 0;
  readonly #heard: [name: string, handler: (message: FromKernel) => void][] = [
    ["change:snapshot", () => this.#take(this.#model.get("snapshot"))],
    ["msg:custom", (message) => this.#receive(message)],
    ["comm_live_update", () => void setTimeout(() => this.#send({ type: "resync" }), SETTLE_MS)],
  ];

  constructor(model: Model, changed: Changed) {
    this.#model = model;
    this.#changed = changed;
    this.picture = structuredClone(model.get("snapshot"));
  }

  /** `saved`: in the place of a saved picture. */
  start(saved = false): void {
    for (const [name, handler] of this.#heard) this.#model.on(name, handler);
    this.#changed(null);
    void this.#send({ type: saved ? "resync" : "rendered" });
  }

  stop(): void {
    for (const [name, handler] of this.#heard) this.#model.off(name, handler);
  }

  /** The kernel's time, in seconds. */
  now(): number {
    return Date.now() / 1000 + this.#skew;
  }

  /** Asks Python to act. The same id again is the same wish. Always resolves, with an `ok`. */
  act(action: Action, id = newId()): Promise<Ack> {
    return this.#exchange(id, { type: "action", id, action });
  }

  /** Asks Python for what is too large, or too rarely looked at, to be in the picture. */
  async ask<T extends Question["type"]>(question: Question & { type: T }): Promise<{ answer?: Answers[T]; error: string }> {
    const id = newId();
    const { ok, answer, error } = await this.#exchange<Reply>(id, { type: "ask", id, question });
    return ok ? { answer: answer as unknown as Answers[T], error } : { error };
  }

  /** The notebook's end of the wire for the view of the chain below a unit. */
  wireBelow(unit: string, { graph, snapshot }: Answers["below"]): Model {
    const traits = { graph, snapshot };
    return {
      get: ((name: "graph" | "snapshot") => traits[name]) as Model["get"],
      on: (name, handler) => void (name === "msg:custom" && this.#below.set(unit, handler)),
      off: () => void this.#below.delete(unit),
      send: async (content) => {
        if (!(await this.#send({ type: "below", unit, content }))) throw this.gone;
      },
    };
  }

  async #exchange<A extends Ack | Reply>(id: string, content: ToKernel): Promise<A> {
    const refused = (error: string) => ({ id, ok: false, fields: {}, error }) as unknown as A;
    const answer = new Promise<A>((resolve) => {
      // An ipykernel before 7 hears a click only when no cell runs.
      const timer = setTimeout(() => resolve(refused("No answer yet. While a cell runs, a click may wait for its end. "
        + `If the kernel was restarted: ${this.#cure()}.`)), ACK_MS);
      this.#waiting.set(id, (said) => (clearTimeout(timer), resolve(said as A)));
    });
    if (!(await this.#send(content))) this.#waiting.get(id)?.(refused(this.gone));
    const said = await answer;
    this.#waiting.delete(id);
    return said;
  }

  #take(snapshot: Picture): void {
    if (snapshot.seq <= this.picture.seq) return;
    this.picture = structuredClone(snapshot);
    this.#changed(null);
  }

  #receive(message: FromKernel): void {
    if (message.now) this.#skew = message.now - Date.now() / 1000;
    if (message.type === "delta") this.#apply(message.seq, message);
    else if (message.type === "snapshot") this.#take(message.snapshot);
    else if (message.type === "hello" && message.seq > this.picture.seq) this.#resync();
    else if (message.type === "ack" || message.type === "reply") this.#waiting.get(message.id)?.(message);
    else if (message.type === "below") this.#below.get(message.unit)?.(message.message);
  }

  #apply(seq: number, delta: Change): void {
    const { picture } = this;
    if (seq <= picture.seq) return;
    if (seq > picture.seq + 1) return this.#resync();
    picture.seq = seq;
    if (delta.run) picture.run = delta.run;
    if (delta.forms) picture.forms = delta.forms;
    if (delta.answers) picture.answers = delta.answers;
    Object.assign(picture.nodes, delta.nodes);
    Object.assign(picture.spans, delta.spans);
    for (const words of delta.text ?? []) this.#hear(words);
    this.#changed(delta);
  }

  #hear([unit, turn, kind, text]: Words): void {
    let stream = this.picture.streams[unit];
    if (stream?.turn !== turn) stream = this.picture.streams[unit] = { turn, pieces: [], cut: false };
    const last = stream.pieces.findLast((piece) => (piece[0] === "log") === (kind === "log"));
    if (last?.[0] === kind) last[1] += text;
    else stream.pieces.push([kind, text]);
    if (last && last[1].length > 2 * SHOWN_CHARACTERS) last[1] = last[1].slice(-SHOWN_CHARACTERS);
  }

  #resync(): void {
    if (Date.now() - this.#resyncAt < RESYNC_MS) return;
    this.#resyncAt = Date.now();
    void this.#send({ type: "resync" });
  }

  /** False if the kernel is gone: a notebook may throw at once, or later. */
  async #send(content: ToKernel): Promise<boolean> {
    try {
      await this.#model.send(content);
      return true;
    } catch {
      this.gone = `The kernel is gone: ${this.#cure()}. A new one needs %load_ext tinyflow_nb first.`;
      this.#changed(null);
      return false;
    }
  }

  #cure(): string {
    const { id } = this.picture.run;
    return id ? `%tinyflow attach ${id} to continue` : "run the cell again";
  }
}
