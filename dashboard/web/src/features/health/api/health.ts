import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Health = Answer<"/health">;

/** How every part of the session is. */
export const useHealth = (): UseQueryResult<Health, Problem> => usePolled<Health>("/health");
