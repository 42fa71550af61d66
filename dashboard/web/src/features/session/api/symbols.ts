import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Symbols = Answer<"/symbols">;

/** Every symbol with its latest values. */
export const useSymbols = (): UseQueryResult<Symbols, Problem> => usePolled<Symbols>("/symbols");
