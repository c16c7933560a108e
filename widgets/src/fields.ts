import type { Field, Json } from "./protocol.ts";

/** A field as read: its value, what is wrong with it, or neither for "left out". */
export interface Reading {
  value?: Json;
  error?: string;
}

/** What stands in a field that was left empty. */
export function empty(field: Field, error: string): Reading {
  if (field.nullable) return { value: null };
  return field.required ? { error } : {};
}

/** A field's text as JSON. */
export function parse(field: Field, text: string): Reading {
  const trimmed = text.trim();
  const wanted = "Please fill this in.";
  if (field.kind === "text" || field.kind === "line") {
    if (trimmed === "" && (field.nullable || field.required)) return empty(field, wanted);
    if (field.longest && text.length > field.longest) return { error: `At most ${field.longest} characters.` };
    return { value: text };
  }
  if (trimmed === "") return empty(field, wanted);
  if (field.kind === "json") {
    try {
      return { value: JSON.parse(trimmed) as Json };
    } catch (error) {
      return { error: `This is not JSON: ${(error as Error).message}` };
    }
  }
  const value = Number(trimmed);
  if (!Number.isFinite(value)) return { error: "A number, please." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { error: "A whole number, please." };
  if (field.minimum != null && value < field.minimum) return { error: `At least ${field.minimum}.` };
  if (field.maximum != null && value > field.maximum) return { error: `At most ${field.maximum}.` };
  return { value };
}
