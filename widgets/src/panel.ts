import type { Follower } from "./follower.ts";
import type { Change, GraphPicture, Picture } from "./protocol.ts";

/** What every part of the view is given. */
export interface Context {
  readonly graph: GraphPicture;
  readonly follower: Follower;
  /** Shows what there is to see of a node. */
  open(node: string): void;
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
