// A form refuses what Python refuses, in the same words: the table is made by form_cases.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { resolve, violations, withoutNull } from "../../widgets/src/schema.ts";

const table = JSON.parse(readFileSync(new URL("./form_cases.json", import.meta.url), "utf8"));

for (const { schema, values } of table) {
  test(`as Python says of ${JSON.stringify(schema).slice(0, 90)}`, () => {
    for (const [value, expected] of values) {
      const found = violations(schema, value, schema).map(({ path, message }) => [path, message]);
      assert.deepEqual(found, expected, `of ${JSON.stringify(value)}`);
    }
  });
}

test("what is missing is told apart from what is wrong", () => {
  const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  assert.deepEqual(violations(schema, {}, schema), [{ path: ["a"], message: "is missing", missing: true }]);
});

test("a reference to nothing, or in a circle, is anything: Python tells", () => {
  assert.deepEqual(resolve({ $ref: "#/$defs/a" }, {}), {});
  assert.deepEqual(resolve({ $ref: "#/$defs/a" }, { $defs: { a: { $ref: "#/$defs/a" } } }), {});
});

test("a pattern that only Python can read refuses nothing here", () => {
  const schema = { type: "string", pattern: "(?P<year>\\d{4})" };
  assert.deepEqual(violations(schema, "x", schema), []);
});

test("choices of several kinds are one choice", () => {
  const [shape, nullable] = withoutNull({ anyOf: [{ const: "a" }, { enum: ["b", 1] }, { type: "null" }] }, {});
  assert.deepEqual([shape.enum, nullable], [["a", "b", 1], true]);
});
