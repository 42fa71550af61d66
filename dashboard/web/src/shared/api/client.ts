// One way to ask the API. Answers keep the digits that a JavaScript number can't hold (`exact`); what goes wrong is a `Problem`.
import type { paths } from "./schema.gen";

export type Path = keyof paths;
type Ok<R> = R extends { 200: { content: { "application/json": infer T } } } ? T : never;
export type Answer<P extends Path> = paths[P] extends { get: { responses: infer R } } ? Ok<R> : never;
export type Query<P extends Path> = paths[P] extends { get: { parameters: { query?: infer Q } } } ? NonNullable<Q> : never;

const TIMEOUT_MS = 8_000;
const DIGITS = Symbol("digits");

export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

export async function get<T>(path: string, query: object = {}, signal?: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url(path, query), {
      headers: { Accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, limit.aborted ? "The API takes too long to answer." : "The API does not answer.");
  }
  const text = await response.text();
  if (!response.ok) throw problem(response, text);
  return parse<T>(text);
}

function url(path: string, query: object): string {
  const base = document.querySelector<HTMLMetaElement>('meta[name="ctc-api"]')?.content ?? "";
  const given = Object.entries(query).filter((pair) => pair[1] !== undefined && pair[1] !== null && pair[1] !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `${base}${path}${search && `?${search}`}`;
}

function problem(response: Response, text: string): Problem {
  const wait = Number(response.headers.get("Retry-After")) || null;
  try {
    const body = JSON.parse(text) as { title?: string; detail?: string };
    return new Problem(response.status, [body.title, body.detail].filter(Boolean).join(": "), wait);
  } catch {
    return new Problem(response.status, `The API answered ${response.status}.`, wait);
  }
}

type WithDigits = Record<PropertyKey, unknown> & { [DIGITS]?: Record<string, string> };

/** JSON, where objects remember the digits of numbers that were cut. */
export function parse<T>(text: string): T {
  // Browsers hand over a number's own text since 2023 to 2025; older ones show the number they have.
  const reviver = function (this: WithDigits, key: string, value: unknown, context?: { source?: string }): unknown {
    if (typeof value === "number" && context?.source !== undefined && context.source !== String(value)) {
      this[DIGITS] ??= {};
      this[DIGITS][key] = context.source;
    }
    return value;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as T;
}

/** All digits of a number that the API sent, "" for null. */
export function exact<T extends object>(row: T, key: keyof T & string): string {
  const value = row[key];
  if (value === null || value === undefined) return "";
  const digits = (row as WithDigits)[DIGITS]?.[key] ?? String(value);
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
