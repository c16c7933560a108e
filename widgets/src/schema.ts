/** The part of JSON Schema that types turn into; `form_schema.py` says the same, and a table of cases holds them together. */

import type { Json } from "./protocol.ts";

export type Schema = { [name: string]: Json };
export type Path = (string | number)[];

export interface Violation {
  path: Path;
  message: string;
  missing?: boolean;
}

const MAX_HOPS = 32;

export function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asSchema(value: Json | undefined): Schema {
  return isObject(value) ? value : {};
}

export function properties(schema: Schema): Record<string, Schema> {
  return asSchema(schema.properties) as Record<string, Schema>;
}

export function isRequired(schema: Schema, name: string): boolean {
  return Array.isArray(schema.required) && schema.required.includes(name);
}

/** With its `$ref` followed; what stands beside the reference wins. A reference to nothing is anything: Python tells. */
export function resolve(schema: Schema, root: Schema): Schema {
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const { $ref, ...rest } = schema;
    if (typeof $ref !== "string") return schema;
    const name = $ref.replace(/^#\/\$defs\//, "").replaceAll("~1", "/").replaceAll("~0", "~");
    schema = { ...asSchema(asSchema(root.$defs)[name]), ...rest };
  }
  return {};
}

export function alternatives(schema: Schema, root: Schema): Schema[] {
  const offered = [schema.anyOf, schema.oneOf].find((some) => Array.isArray(some) && some.length) as Schema[] | undefined;
  return offered ? offered.flatMap((part) => alternatives(resolve(part, root), root)) : [schema];
}

/** What it is besides null, and whether it may be null. */
export function withoutNull(part: Schema, root: Schema): [schema: Schema, nullable: boolean] {
  const schema = resolve(part, root);
  const offered = alternatives(schema, root);
  const others = offered.filter((one) => one.type !== "null");
  const nullable = others.length < offered.length;
  if (others.length === 1) {
    const about = Object.fromEntries(["title", "description", "default"].flatMap((key) => key in schema ? [[key, schema[key]!]] : []));
    return [{ ...others[0], ...about }, nullable];
  }
  const choices = others.map(allowed);
  return choices.length && choices.every(Boolean) ? [{ ...schema, enum: choices.flat() as Json[] }, nullable] : [schema, nullable];
}

/** The values it lists, if it does. */
export function allowed(schema: Schema): Json[] | undefined {
  return "const" in schema ? [schema.const!] : (schema.enum as Json[] | undefined);
}

const TYPES: Record<string, [meaning: string, is: (value: Json) => boolean]> = {
  string: ["a text", (value) => typeof value === "string"],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  integer: ["a whole number", (value) => Number.isInteger(value)],
  number: ["a number", (value) => Number.isFinite(value)],
  array: ["a list", (value) => Array.isArray(value)],
  object: ["a mapping", isObject],
  null: ["none", (value) => value === null],
};

function kinds(schema: Schema): string[] {
  const named = typeof schema.type === "string" ? [schema.type] : ((schema.type ?? []) as string[]);
  return named.filter((kind) => kind in TYPES);
}

/** As Python writes a value. */
function written(value: Json): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "string") return JSON.stringify(value);
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  return quote + value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`).replaceAll("\n", "\\n") + quote;
}

function describe(part: Schema, root: Schema): string {
  const offered = alternatives(part, root);
  if (offered.length > 1) return [...new Set(offered.map((one) => describe(one, root)))].join(" or ");
  const [schema] = offered as [Schema];
  if ("const" in schema) return written(schema.const!);
  if (Array.isArray(schema.enum)) return `one of ${schema.enum.map(written).join(", ")}`;
  return TYPES[String(schema.type)]?.[0] ?? "something else";
}

export function same(one: Json, other: Json): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Everything about the value that the schema refuses. */
export function violations(part: Schema, value: Json, root: Schema, path: Path = []): Violation[] {
  const found = resolve(part, root);
  const offered = alternatives(found, root);
  if (offered.length > 1) return noAlternative(offered, value, root, path);
  const [schema] = offered as [Schema];
  const all = ((schema.allOf ?? []) as Schema[]).flatMap((one) => violations(one, value, root, path));
  const say = (message: string) => [...all, { path, message }];
  const choices = allowed(schema);
  if (choices) return choices.some((choice) => same(choice, value)) ? all : say(`must be ${describe(schema, root)}`);
  const known = kinds(schema);
  if (known.length && !known.some((kind) => TYPES[kind]![1](value))) {
    return say(`must be ${known.map((kind) => TYPES[kind]![0]).join(" or ")}`);
  }
  const more = typeof value === "string" ? textProblems(schema, value)
    : typeof value === "number" ? numberProblems(schema, value) : [];
  all.push(...more.map((message) => ({ path, message })));
  if (Array.isArray(value)) all.push(...listViolations(schema, value, root, path));
  else if (isObject(value)) all.push(...fieldViolations(schema, value, root, path));
  return all;
}

function noAlternative(offered: Schema[], value: Json, root: Schema, path: Path): Violation[] {
  const tried = offered.map((part) => violations(part, value, root, path));
  if (!tried.every((found) => found.length)) return [];
  const deeper = tried.filter((found) => found.some((one) => one.path.length !== path.length));
  const alike = tried.filter((_, at) => {
    const { type, enum: choices } = offered[at]!;
    return typeof type === "string" && !choices && TYPES[type]?.[1](value);
  });
  const best = deeper.length ? deeper : alike;
  if (best.length === 1) return best[0]!;
  return [{ path, message: `must be ${[...new Set(offered.map((part) => describe(part, root)))].join(" or ")}` }];
}

const DAY = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?`;

function isDay(found: RegExpMatchArray | null): boolean {
  if (!found || Number(found[1]) < 1) return false;
  const day = new Date(`${found[1]}-${found[2]}-${found[3]}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.getUTCDate() === Number(found[3]);
}

const FORMATS: Record<string, [meaning: string, is: (text: string) => boolean]> = {
  date: ["a date, as in 2031-05-28", (text) => isDay(text.match(`^${DAY}$`))],
  "date-time": ["a time, as in 2031-05-28T17:30:00", (text) => isDay(text.match(`^${DAY}(?:[T ]${CLOCK})?$`))],
  time: ["a time of day, as in 17:30:00", (text) => new RegExp(`^T?${CLOCK}$`).test(text)],
  uuid: ["a UUID", (text) => /^[0-9a-f]{32}$/i.test(text.replace(/urn:|uuid:|[{}-]/g, ""))],
  email: ["an e-mail address", (text) => /^[^@\s]+@[^@\s]+$/.test(text)],
  uri: ["an address, as in https://example.org", (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text)],
};

function textProblems(schema: Schema, value: string): string[] {
  const { minLength, maxLength, pattern, format } = schema as { [name: string]: number | string | undefined };
  const { length } = [...value];
  const found: string[] = [];
  if (length < Number(minLength ?? 0)) found.push(minLength === 1 ? "must not be empty" : `must have at least ${minLength} characters`);
  if (length > Number(maxLength ?? length)) found.push(`must have at most ${maxLength} characters`);
  if (pattern !== undefined && !matches(String(pattern), value)) found.push(`must match ${pattern}`);
  const [meaning, is] = FORMATS[String(format)] ?? [];
  if (is && !is(value)) found.push(`must be ${meaning}`);
  return found;
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // written for Python alone, which looks at it when the answer comes
  }
}

function numberProblems(schema: Schema, value: number): string[] {
  const found: string[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf: step } = schema as Record<string, number | undefined>;
  if (minimum !== undefined && value < minimum) found.push(`must be at least ${minimum}`);
  if (maximum !== undefined && value > maximum) found.push(`must be at most ${maximum}`);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) found.push(`must be more than ${exclusiveMinimum}`);
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) found.push(`must be less than ${exclusiveMaximum}`);
  if (step) {
    const times = value / step;
    if (Math.abs(times - Math.round(times)) > Math.max(1e-9, 1e-9 * Math.abs(times))) found.push(`must be a multiple of ${step}`);
  }
  return found;
}

function listViolations(schema: Schema, value: Json[], root: Schema, path: Path): Violation[] {
  const { minItems, maxItems } = schema as Record<string, number | undefined>;
  const found: Violation[] = [];
  if (value.length < (minItems ?? 0)) found.push({ path, message: `must have at least ${minItems} items` });
  if (value.length > (maxItems ?? value.length)) found.push({ path, message: `must have at most ${maxItems} items` });
  if (schema.uniqueItems && value.some((item, at) => value.slice(0, at).some((other) => same(other, item)))) {
    found.push({ path, message: "must not hold the same item twice" });
  }
  const first = (schema.prefixItems ?? []) as Schema[];
  value.forEach((item, at) => {
    const part = first[at] ?? schema.items;
    if (isObject(part)) found.push(...violations(part, item, root, [...path, at]));
  });
  return found;
}

function fieldViolations(schema: Schema, value: { [name: string]: Json }, root: Schema, path: Path): Violation[] {
  const fields = properties(schema);
  const others = schema.additionalProperties ?? Object.keys(fields).length === 0;
  const found: Violation[] = [];
  for (const [name, part] of Object.entries(fields)) {
    if (Object.hasOwn(value, name)) found.push(...violations(part, value[name]!, root, [...path, name]));
    else if (isRequired(schema, name)) found.push({ path: [...path, name], message: "is missing", missing: true });
  }
  for (const [name, one] of Object.entries(value)) {
    if (Object.hasOwn(fields, name)) continue;
    if (isObject(others)) found.push(...violations(others, one, root, [...path, name]));
    else if (!others) found.push({ path: [...path, name], message: "there is no such field" });
  }
  return found;
}
