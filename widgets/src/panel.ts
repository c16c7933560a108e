import type { Follower } from "./follower.ts";
import type { Change, GraphPicture, Model, Picture } from "./protocol.ts";

/** One of the views that a view stands in, from the outermost on. */
export interface Crumb {
  readonly name: string;
  show(): void;
}

/** A view in a view. */
export interface Nested {
  readonly root: HTMLElement;
  start(saved?: boolean): void;
  close(): void;
}

/** What every part of the view is given. */
export interface Context {
  readonly graph: GraphPicture;
  readonly follower: Follower;
  /** The views above this one; none above the outermost. */
  readonly trail: readonly Crumb[];
  /** Shows what there is to see of a node. */
  open(node: string): void;
  /** A view of the chain below a unit. */
  nest(model: Model, unit: string): Nested;
  /** Says it to a screen reader, soon and politely. */
  announce(text: string): void;
}

/** A part of the view. `main.ts` makes them; each draws into its own `root`. */
export interface Panel {
  readonly root: Element;
  /** Draws what changed; all of the picture if `delta` is null. */
  update(picture: Picture, delta: Change | null, now: number): void;
  /** Five times a second while the run goes on: clocks. */
  tick?(picture: Picture, now: number): void;
  close?(): void;
}
