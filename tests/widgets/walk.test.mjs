// The way of the arrow keys through a graph.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Walk } from "../../widgets/src/walk.ts";

// a -> b1, b2, b3 -> c, drawn in three layers
const place = { a: [0, 1], b1: [1, 0], b2: [1, 1], b3: [1, 2], c: [2, 1] };
const edges = [["a", "b1"], ["a", "b2"], ["a", "b3"], ["b1", "c"], ["b2", "c"], ["b3", "c"]];
const graph = (direction) => ({
  direction,
  edges: edges.map(([source, target]) => ({ source, target })),
  nodes: Object.entries(place).map(([id, [layer, at]]) => {
    const [x, y] = direction === "right" ? [layer, at] : [at, layer];
    return { id, x: x * 100, y: y * 100, width: 80, height: 80 };
  }),
});

for (const [direction, forward, back, next, previous] of [
  ["right", "ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"],
  ["down", "ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"],
]) {
  test(`${direction}: along the edges to the nearest, and among those beside it`, () => {
    const walk = new Walk(graph(direction));
    assert.equal(walk.step("a", forward), "b2");
    assert.equal(walk.step("b2", next), "b3");
    assert.equal(walk.step("b2", previous), "b1");
    assert.equal(walk.step("b3", next), undefined);
    assert.equal(walk.step("b3", forward), "c");
    assert.equal(walk.step("c", back), "b2");
    assert.equal(walk.step("a", back), undefined);
  });
}

test("to the first and the last, and nowhere by other keys", () => {
  const walk = new Walk(graph("right"));
  assert.deepEqual(["Home", "End", "x"].map((key) => walk.step("b1", key)), ["a", "c", undefined]);
});
