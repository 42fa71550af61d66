import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem, Query } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Whales = Answer<"/whales">;
export type WhaleFilter = Pick<Query<"/whales">, "symbol" | "kind">;

/** The newest whales. */
export const useWhales = (filter: WhaleFilter): UseQueryResult<Whales, Problem> => usePolled<Whales>("/whales", { ...filter, limit: 50 });
