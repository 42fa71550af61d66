import type { Gaps, Space, Span } from "@/features/gaps/api/gaps";
import { count } from "@/shared/format";

interface State {
  word: string;
  /** Seen without colour. */
  glyph: string;
  text: string;
  mark: string;
  means: string;
}

/** In the order in which people ask: is anything missing? */
export const STATES: Record<string, State> = {
  received: { word: "received", glyph: "─", text: "text-muted", mark: "", means: "came in time, by the socket" },
  backfilled: { word: "back-filled", glyph: "▤", text: "text-good", mark: "bg-good bg-hatched rounded-xs", means: "missed by the socket, fetched from the exchange's history" },
  halted: { word: "halted", glyph: "‖", text: "text-medium", mark: "border-2 border-medium rounded-xs", means: "the exchange itself traded nothing for long" },
  natural: { word: "natural hole", glyph: "○", text: "text-low", mark: "min-w-4 rounded-full border-2 border-low bg-surface", means: "ids that the exchange never gave out" },
  open: { word: "open", glyph: "…", text: "text-high", mark: "border-2 border-dashed border-high rounded-xs", means: "not here yet: being fetched, or to be tried again" },
  lost: { word: "lost", glyph: "✕", text: "text-bad", mark: "bg-bad rounded-xs", means: "trades that exist and could not be had in time" },
};

export const stateOf = (name: string): State => STATES[name] ?? { word: name, glyph: "●", text: "", mark: "bg-muted", means: "" };

export interface Row {
  key: string;
  space: Space;
  span: Span;
}

/** Every span of every market, newest first. */
export const rowsOf = (gaps: Gaps): Row[] =>
  gaps.spaces
    .flatMap((space) => space.spans.map((span) => ({ key: `${space.exchange}|${space.kind}|${span.state}|${span.first_id}`, space, span })))
    .sort((a, b) => b.span.started_at.localeCompare(a.span.started_at));

/** How many ids a span is about; a halt is between two. */
export const sizeOf = (span: Span): string => (span.state === "halted" ? "–" : count(span.last_id - span.first_id + 1));

export interface Mark {
  key: string;
  state: string;
  /** Both in percent of the axis. */
  left: number;
  width: number;
  title: string;
}

/** Where a market's spans lie on an axis of time; those outside it are left out. */
export function marksOf(space: Space, since: number, until: number): Mark[] {
  const at = (moment: string): number => (100 * (Math.min(until, Math.max(since, Date.parse(moment))) - since)) / (until - since);
  return space.spans
    .filter((span) => Date.parse(span.ended_at) >= since && Date.parse(span.started_at) < until)
    .map((span) => ({
      key: `${span.state}${span.first_id}`,
      state: span.state,
      left: at(span.started_at),
      width: at(span.ended_at) - at(span.started_at),
      title: `${stateOf(span.state).word}: ids ${span.first_id} to ${span.last_id}, ${span.started_at} to ${span.ended_at}`,
    }));
}

/** Where a market's newest trade lies on the axis, in percent; null outside of it. */
export function newestOf(space: Space, since: number, until: number): number | null {
  const at = (100 * (Date.parse(space.newest_at) - since)) / (until - since);
  return at >= 0 && at <= 100 ? at : null;
}
