/** What travels between Python and the page; `picture.py`, `forms.py` and `view.py` make it. */

export type Status = "READY" | "RUNNING" | "SUSPENDED" | "SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED";
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Seconds since 1970, by the kernel's clock. */
export type Time = number;

export interface GraphNode {
  id: string;
  label: string;
  type: string;
  icon: string;
  description: string;
  line: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface GraphEdge {
  source: string;
  target: string;
  kind: "data" | "order" | "handler";
  path: string;
  tip: [number, number];
}

/** What stays the same while a run goes on; `marks` has a status' shape and the sign cut into it. */
export interface GraphPicture {
  /** Of the view: a saved picture names it, to be lived in again. */
  view: string;
  chain: string;
  description: string;
  direction: "right" | "down";
  width: number;
  height: number;
  nodes: GraphNode[];
  edges: GraphEdge[];
  marks: Record<Status, [shape: string, sign: string]>;
  /** What the drawing means: a part's class and its own, its path, words. Without a path words alone. */
  key: [kind: string, shape: string, path: string, words: string][];
}

/** `word` says where a node stands, `note` what else fits on its line, `reason` the rest. */
export interface NodePicture {
  status: Status;
  word: string;
  note: string;
  reason: string;
  progress: [done: number, total: number] | null;
  started_at: Time | null;
  finished_at: Time | null;
}

/** `excerpt` has the cell's lines around `line`, `path` the way down to the chain in which it began. */
export interface Failure {
  title: string;
  message: string;
  attempt: number;
  line: number;
  excerpt: [number: number, text: string][];
  traceback: string;
  answer: string;
  fix: string;
  path: string[];
}

export interface ErrorPicture extends Failure {
  node: string;
}

export interface RunPicture {
  id: string;
  chain: string;
  status: Status;
  word: string;
  started_at: Time | null;
  finished_at: Time | null;
  error: ErrorPicture | null;
  result: Json;
  tokens: [] | [input: number, output: number];
}

/** A form without a unit asks for the chain's inputs; `schema` is JSON Schema, `initial` pre-fills. */
export interface FormPicture {
  key: string;
  unit: string;
  message: string;
  schema: { [name: string]: Json };
  initial: Json;
}

export interface AnswerPicture {
  unit: string;
  node: string;
  who: string;
  at: Time | null;
  /** One without a label, if the form has one value; secrets are dots. */
  fields: [label: string, text: string][];
}

export type Piece = [kind: string, text: string];

/** What one unit (a node, an item, a round) said; a later `turn` starts anew. */
export interface StreamPicture {
  turn: string;
  pieces: Piece[];
  cut: boolean;
}

/** A stretch of a unit's time: it could not go on, was at work, or waited for a person or a chain below. */
export interface Span {
  kind: "wait" | "run" | "ask";
  began: Time;
  ended: Time | null;
  attempt: number;
  round: number;
  error: string;
  /** Its short name in this run, a blank, its name; "" for a stretch on none. */
  worker: string;
}

/** Everything that changes while a run goes on. */
export interface Picture {
  seq: number;
  run: RunPicture;
  nodes: Record<string, NodePicture>;
  forms: FormPicture[];
  answers: AnswerPicture[];
  streams: Record<string, StreamPicture>;
  spans: Record<string, Span[]>;
}

export type Words = [unit: string, turn: string, kind: string, text: string];

/** What changed since the picture before: whole parts, whole nodes, words to append. */
export interface Change {
  run?: RunPicture;
  nodes?: Record<string, NodePicture>;
  forms?: FormPicture[];
  answers?: AnswerPicture[];
  text?: Words[];
  spans?: Record<string, Span[]>;
}

/** A value a node reads; `note` says what is known of one that can't be shown. */
export interface Reads {
  name: string;
  source: string;
  value: Json;
  known: boolean;
  note: string;
}

/** All there is to see of a unit, as `detail.py` makes it when it is asked for. */
export interface NodeDetail {
  unit: string;
  type: string;
  description: string;
  status: Status;
  items: number;
  inputs: Reads[];
  output: Json;
  has_output: boolean;
  child: string;
  attempts: number;
  /** What else there is to say of it, a few words each. */
  facts: string[];
  error: Failure | null;
  source: { line: number; text: string };
  started_at: Time | null;
  finished_at: Time | null;
}

/** What a page asks Python for, and what each is answered with. */
export interface Answers {
  node: NodeDetail;
  prompt: { messages: { role: string; content: string }[] };
  page: { html: string };
  below: { graph: GraphPicture; snapshot: Picture };
}

export type Question = { type: "node" | "prompt" | "below"; unit: string } | { type: "page" };

/** Every question is answered: with an `answer` if `ok`, else with an `error`. */
export interface Reply {
  type: "reply";
  id: string;
  ok: boolean;
  error: string;
  answer: Json;
}

export interface Ack {
  type: "ack";
  id: string;
  ok: boolean;
  error: string;
  fields: Record<string, string>;
}

export type FromKernel = { now?: Time } & (
  | ({ type: "delta"; seq: number } & Change)
  | { type: "snapshot"; snapshot: Picture }
  | { type: "hello"; seq: number }
  | { type: "moved" }
  | Ack
  | Reply
  | { type: "below"; unit: string; message: FromKernel }
);

export type Action =
  | { type: "resume"; unit: string; answer: Json; answer_id: string }
  | { type: "start"; inputs: Record<string, Json> }
  | { type: "stop" }
  | { type: "retry" };

export type ToKernel =
  | { type: "rendered" }
  | { type: "resync" }
  | { type: "action"; id: string; action: Action }
  | { type: "ask"; id: string; question: Question }
  | { type: "below"; unit: string; content: ToKernel };

/** The notebook's end of the wire, as anywidget gives it. */
export interface Model {
  get(name: "graph"): GraphPicture;
  get(name: "snapshot"): Picture;
  on(name: string, handler: (message: FromKernel) => void): void;
  off(name: string, handler: (message: FromKernel) => void): void;
  send(content: ToKernel): void | Promise<void>;
}

export const SHOWN_CHARACTERS = 12000; // of one unit: laying out a growing text costs its length each time

/** The node a unit belongs to: `lookups[3]#2` is one of `lookups`. */
export function nodeOf(unit: string): string {
  return unit.split(/[[#]/, 1)[0] ?? "";
}
