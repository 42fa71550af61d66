import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { usePolling } from "@/shared/polling";
import { get, type Problem } from "./client";

/** An answer that is asked for again and again, unless people paused it. While its question changes, the old answer stays. */
export function usePolled<T>(path: string, query: object = {}, options: { enabled?: boolean } = {}): UseQueryResult<T, Problem> {
  const { every } = usePolling();
  return useQuery<T, Problem>({
    queryKey: [path, query],
    queryFn: ({ signal }) => get<T>(path, query, signal),
    refetchInterval: every,
    placeholderData: keepPreviousData,
    ...options,
  });
}
