import { svg } from "./dom.ts";
import type { GraphPicture, Status } from "./protocol.ts";

type Marks = GraphPicture["marks"];

/** A status as its own shape, so that colour is never the only sign. */
export function mark(marks: Marks, status: Status): SVGGElement {
  const [shape, sign] = marks[status];
  const turning = status === "RUNNING" ? " tf-turning" : "";
  return svg("g", { class: `tf-mark${turning}` },
    svg("path", { class: sign ? "tf-shape tf-solid" : "tf-shape", d: shape }),
    sign && svg("path", { class: "tf-sign", d: sign }));
}

/** The same, to stand in a line of text. */
export function badge(marks: Marks, status: Status): SVGSVGElement {
  return glyph(mark(marks, status));
}

/** A small drawing that says nothing to who can't see it: what it stands for is said beside it. */
export function glyph(drawn: SVGElement): SVGSVGElement {
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, drawn);
}
