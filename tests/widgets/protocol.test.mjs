// What the front end decides without a page: node --test, which reads TypeScript as it is.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Follower } from "../../widgets/src/follower.ts";
import { duration } from "../../widgets/src/text.ts";

function follow(send = async () => {}) {
  const handlers = {};
  const traits = { snapshot: { seq: 0, run: { id: "r1" }, nodes: { a: { status: "READY" } }, streams: {}, spans: {}, forms: [], answers: [] } };
  const sent = [];
  const model = {
    get: (name) => traits[name],
    on: (name, handler) => (handlers[name] = handler),
    off: (name) => delete handlers[name],
    send: (content) => (sent.push(content), send(content)),
  };
  const changes = [];
  const follower = new Follower(model, (delta) => changes.push(delta));
  follower.start();
  sent.length = changes.length = 0;
  return { follower, traits, handlers, sent, changes, tell: (message) => handlers["msg:custom"](message) };
}
const delta = (seq, fields) => ({ type: "delta", seq, ...fields });

test("deltas in order are applied", () => {
  const { follower, tell, changes } = follow();
  tell(delta(1, { nodes: { a: { status: "RUNNING" } } }));
  tell(delta(2, { text: [["a", "1.1.1", "text", "We "], ["a", "1.1.1", "text", "are"]] }));
  assert.equal(follower.picture.nodes.a.status, "RUNNING");
  assert.deepEqual(follower.picture.streams.a.pieces, [["text", "We are"]]);
  assert.equal(changes.length, 2);
});

test("a duplicate changes nothing", () => {
  const { follower, tell, changes } = follow();
  const one = delta(1, { text: [["a", "1.1.1", "text", "x"]] });
  tell(one);
  tell(one);
  assert.deepEqual(follower.picture.streams.a.pieces, [["text", "x"]]);
  assert.equal(changes.length, 1);
});

test("a gap asks once for a snapshot, and the snapshot heals it", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const { follower, tell, sent, traits } = follow();
  tell(delta(2, { run: { id: "r1", status: "RUNNING" } }));
  tell(delta(3, {}));
  assert.deepEqual(sent, [{ type: "resync" }]);
  assert.equal(follower.picture.seq, 0);
  tell({ type: "snapshot", snapshot: { ...traits.snapshot, seq: 3 } });
  tell(delta(4, { run: { id: "r1", status: "FAILED" } }));
  assert.equal(follower.picture.run.status, "FAILED");
});

test("a snapshot trait heals too, and an older one is ignored", () => {
  const { follower, handlers, traits, changes } = follow();
  traits.snapshot = { ...traits.snapshot, seq: 9 };
  handlers["change:snapshot"]();
  assert.equal(follower.picture.seq, 9);
  traits.snapshot = { ...traits.snapshot, seq: 4 };
  handlers["change:snapshot"]();
  assert.equal(follower.picture.seq, 9);
  assert.equal(changes.length, 1);
});

test("one who comes late learns it from the greeting", () => {
  const { tell, sent } = follow();
  tell({ type: "hello", seq: 5, now: 100 });
  assert.deepEqual(sent, [{ type: "resync" }]);
});

test("the kernel's clock counts, not the browser's", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const { follower, tell } = follow();
  tell({ type: "hello", seq: 0, now: 5000 });
  context.mock.timers.tick(2000);
  assert.equal(follower.now(), 5002);
});

test("a further attempt starts its text anew", () => {
  const { follower, tell } = follow();
  tell(delta(1, { text: [["a", "1.1.1", "text", "old"], ["a", "1.2", "text", "new"]] }));
  assert.deepEqual(follower.picture.streams.a, { turn: "1.2", pieces: [["text", "new"]], cut: false });
});

test("an action is answered by its id", async () => {
  const { follower, sent, tell } = follow();
  const answer = follower.act({ type: "stop" }, "i1");
  assert.deepEqual(sent, [{ type: "action", id: "i1", action: { type: "stop" } }]);
  tell({ type: "ack", id: "other", ok: false });
  tell({ type: "ack", id: "i1", ok: true, error: "", fields: {} });
  assert.equal((await answer).ok, true);
});

for (const [how, send] of [
  ["at once", () => { throw new Error("Cannot send"); }],
  ["later", async () => { throw new Error("Cannot send"); }],
]) {
  test(`a dead kernel, told ${how}, is named with the way on`, async () => {
    const { follower } = follow(send);
    const ack = await follower.act({ type: "stop" });
    assert.equal(ack.ok, false);
    assert.match(ack.error, /kernel is gone.*%tinyflow attach r1 to continue/);
  });
}

test("a kernel that was restarted is told of before anything is clicked", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let there = true;
  const { follower, handlers, sent, changes } = follow(async () => { if (!there) throw new Error("Cannot send"); });
  handlers.comm_live_update();
  context.mock.timers.tick(1000);
  await Promise.resolve();
  assert.deepEqual([follower.gone, sent], ["", [{ type: "resync" }]]);
  there = false;
  handlers.comm_live_update();
  context.mock.timers.tick(1000);
  await new Promise(setImmediate);
  assert.match(follower.gone, /kernel is gone: %tinyflow attach r1 to continue\. .*%load_ext tinyflow_nb/);
  assert.deepEqual(changes, [null]);
});

test("a kernel that is silent may be busy with a cell", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { follower } = follow();
  const answer = follower.act({ type: "stop" });
  context.mock.timers.tick(10000);
  assert.match((await answer).error, /While a cell runs.*If the kernel was restarted: %tinyflow attach r1/);
});

test("durations read as Python writes them", () => {
  assert.deepEqual([-1, 0.0041, 0.09949, 0.0996, 0.44, 9.96, 59.6, 125, 3599.7, 3725].map(duration),
    ["0 ms", "4 ms", "99 ms", "0.1 s", "0.4 s", "10 s", "1 m 00 s", "2 m 05 s", "1 h 00 m", "1 h 02 m"]);
});

test("a question is answered by its id, with an answer or why there is none", async () => {
  const { follower, sent, tell } = follow();
  const [one, two] = [follower.ask({ type: "node", unit: "a" }), follower.ask({ type: "prompt", unit: "a" })];
  assert.deepEqual(sent.map(({ type, question }) => [type, question.type]), [["ask", "node"], ["ask", "prompt"]]);
  tell({ type: "reply", id: sent[1].id, ok: false, error: "it asks no model", answer: null });
  tell({ type: "reply", id: sent[0].id, ok: true, error: "", answer: { unit: "a" } });
  assert.deepEqual(await one, { answer: { unit: "a" }, error: "" });
  assert.deepEqual(await two, { error: "it asks no model" });
});

test("spans of a unit replace those before", () => {
  const { follower, tell } = follow();
  const span = (ended) => ({ kind: "run", began: 1, ended, attempt: 1, round: 1, error: "" });
  tell(delta(1, { spans: { a: [span(null)], b: [span(2)] } }));
  tell(delta(2, { spans: { a: [span(3)] } }));
  assert.deepEqual(follower.picture.spans, { a: [span(3)], b: [span(2)] });
});

test("a view below hears and says through the one above, to any depth", async () => {
  const { follower, sent, tell } = follow();
  const snapshot = { seq: 0, run: { id: "r2" }, nodes: {}, streams: {}, spans: {}, forms: [], answers: [] };
  const below = new Follower(follower.wireBelow("sub", { graph: {}, snapshot }), () => {});
  below.start();
  assert.deepEqual(sent, [{ type: "below", unit: "sub", content: { type: "rendered" } }]);
  tell({ type: "below", unit: "sub", message: delta(1, { run: { id: "r2", status: "RUNNING" } }) });
  tell({ type: "below", unit: "other", message: delta(2, { run: { id: "r2", status: "FAILED" } }) });
  assert.equal(below.picture.run.status, "RUNNING");
  const deepest = new Follower(below.wireBelow("inner", { graph: {}, snapshot }), () => {});
  deepest.start();
  assert.deepEqual(sent.at(-1).content, { type: "below", unit: "inner", content: { type: "rendered" } });
  below.stop();
  tell({ type: "below", unit: "sub", message: delta(2, { run: { id: "r2", status: "FAILED" } }) });
  assert.equal(below.picture.run.status, "RUNNING");
});
