import type { Answer, Problem } from "@/shared/api/client";
import type { Asked } from "@/shared/components/Panel";

/** What a chart on the common time axis is given. */
export interface ChartProps {
  symbol: string;
  span: { since: string; until: string } | null;
  session: Answer<"/session"> | undefined;
  /** Of this symbol and span. */
  alerts: Answer<"/alerts">["alerts"];
  /** A moment to point at. */
  at: number | null;
  onOpen: (alertId: string) => void;
  height: string;
  /** Why the span is not known: the session could not be asked. */
  blocked: { error: Problem; refetch: () => unknown } | null;
}

/** The chart's own answer, or the trouble that keeps it from being asked for. */
export function orBlocked<T>(asked: Asked<T>, blocked: ChartProps["blocked"]): Asked<T> {
  return asked.data === undefined && blocked ? { ...asked, ...blocked } : asked;
}
