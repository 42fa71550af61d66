import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Bars = Answer<"/bars/{symbol}">;
export type Bar = Bars["bars"][number];

/** A symbol's closed bars of a window of time. */
export const useBars = (symbol: string, span: { since: string; until: string } | null): UseQueryResult<Bars, Problem> =>
  usePolled<Bars>(`/bars/${symbol}`, span ?? {}, { enabled: symbol !== "" && span !== null });
