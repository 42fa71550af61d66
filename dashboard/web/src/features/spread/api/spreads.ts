import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Spreads = Answer<"/spreads/{symbol}">;
export type Spread = Spreads["spreads"][number];

/** A symbol's spreads of a window of time. */
export const useSpreads = (symbol: string, span: { since: string; until: string } | null): UseQueryResult<Spreads, Problem> =>
  usePolled<Spreads>(`/spreads/${symbol}`, span ?? {}, { enabled: symbol !== "" && span !== null });
