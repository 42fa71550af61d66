import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Gaps = Answer<"/gaps/{symbol}">;
export type Space = Gaps["spaces"][number];
export type Span = Space["spans"][number];

/** What became of every trade id of a symbol, as it stands now. */
export const useGaps = (symbol: string): UseQueryResult<Gaps, Problem> => usePolled<Gaps>(`/gaps/${symbol}`, {}, { enabled: symbol !== "" });
