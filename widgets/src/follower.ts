import { SHOWN_CHARACTERS } from "./protocol.ts";
import type {
  Ack, Action, Answers, Change, FromKernel, Model, Picture, Question, Reply, ToKernel, Words,
} from "./protocol.ts";

const ACK_MS = 8000;
const RESYNC_MS = 1000;

/** What is told of a change; null says that all may be different. */
export type Changed = (delta: Change | null) => void;

/** The same id for the same wish. */
export function newId(): string {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`; // unknown where the page came by http
}

/** Follows a run: one snapshot, then numbered deltas; a gap in the numbers asks for a snapshot. */
export class Follower {
  picture: Picture;
  readonly #model: Model;
  readonly #changed: Changed;
  #skew = 0;
  readonly #waiting = new Map<string, (answer: Ack | Reply) => void>();
  readonly #below = new Map<string, (message: FromKernel) => void>();
  #resyncAt = 0;
  readonly #onTrait: () => void;
  readonly #onMessage: (message: FromKernel) => void;

  constructor(model: Model, changed: Changed) {
    this.#model = model;
    this.#changed = changed;
    this.picture = structuredClone(model.get("snapshot"));
    this.#onTrait = () => this.#take(model.get("snapshot"));
    this.#onMessage = (message) => this.#receive(message);
  }

  /** `saved`: in the place of a saved picture. */
  start(saved = false): void {
    this.#model.on("change:snapshot", this.#onTrait);
    this.#model.on("msg:custom", this.#onMessage);
    this.#changed(null);
    this.#send({ type: saved ? "resync" : "rendered" }).catch(() => {}); // a dead kernel is told at the first click
  }

  stop(): void {
    this.#model.off("change:snapshot", this.#onTrait);
    this.#model.off("msg:custom", this.#onMessage);
  }

  /** The kernel's time, in seconds. */
  now(): number {
    return Date.now() / 1000 + this.#skew;
  }

  /** Asks Python to act. The same id again is the same wish. Always resolves, with an `ok`. */
  async act(action: Action, id = newId()): Promise<Ack> {
    const refused = (error: string): Ack => ({ type: "ack", id, ok: false, fields: {}, error });
    return await this.#exchange(id, { type: "action", id, action }, refused);
  }

  /** Asks Python for what is too large, or too rarely looked at, to be in the picture. */
  async ask<T extends Question["type"]>(question: Question & { type: T }): Promise<{ answer?: Answers[T]; error: string }> {
    const id = newId();
    const refused = (error: string): Reply => ({ type: "reply", id, ok: false, error, answer: null });
    const { ok, answer, error } = await this.#exchange(id, { type: "ask", id, question }, refused);
    return ok ? { answer: answer as unknown as Answers[T], error } : { error };
  }

  /** The notebook's end of the wire for the view of the chain below a unit. */
  wireBelow(unit: string, { graph, snapshot }: Answers["below"]): Model {
    const traits = { graph, snapshot };
    return {
      get: ((name: "graph" | "snapshot") => traits[name]) as Model["get"],
      on: (name: string, handler: (message: FromKernel) => void) => void (name === "msg:custom" && this.#below.set(unit, handler)),
      off: (name: string) => void (name === "msg:custom" && this.#below.delete(unit)),
      send: (content) => this.#send({ type: "below", unit, content }),
    };
  }

  async #exchange<A extends Ack | Reply>(id: string, content: ToKernel, refused: (error: string) => A): Promise<A> {
    const answer = new Promise<A>((resolve) => {
      const timer = setTimeout(() => resolve(refused(this.#silentMessage())), ACK_MS);
      this.#waiting.set(id, (said) => (clearTimeout(timer), resolve(said as A)));
    });
    try {
      await this.#send(content);
    } catch {
      this.#waiting.get(id)?.(refused(`The kernel is gone: ${this.#cure()}.`));
    }
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
    this.#send({ type: "resync" }).catch(() => {});
  }

  /** Rejects if the kernel is gone: a notebook may throw at once, or later. */
  async #send(content: ToKernel): Promise<void> {
    await this.#model.send(content);
  }

  /** An ipykernel before 7 hears a click only when no cell runs. */
  #silentMessage(): string {
    return "The kernel does not answer yet. While a cell runs, the click may wait for its end. "
      + `If the kernel was restarted: ${this.#cure()}.`;
  }

  #cure(): string {
    const { id } = this.picture.run;
    return id ? `%tinyflow attach ${id} to continue` : "run the cell again";
  }
}
