import { keepPreviousData, useInfiniteQuery, type InfiniteData, type UseInfiniteQueryResult } from "@tanstack/react-query";
import { get, type Answer, type Problem, type Query } from "@/shared/api/client";
import { usePolling } from "@/shared/polling";

export type AlertList = Answer<"/alerts">;
export type Alert = AlertList["alerts"][number];
export type AlertFilter = Omit<Query<"/alerts">, "cursor" | "limit">;

/** Alerts newest first, page by page; each poll reads all pages that were opened. */
export function useAlerts(filter: AlertFilter, limit = 50, enabled = true): UseInfiniteQueryResult<InfiniteData<AlertList>, Problem> {
  const { every } = usePolling();
  return useInfiniteQuery<AlertList, Problem, InfiniteData<AlertList>, readonly unknown[], string | undefined>({
    queryKey: ["/alerts", filter, limit],
    queryFn: ({ pageParam, signal }) => get<AlertList>("/alerts", { ...filter, limit, cursor: pageParam }, signal),
    initialPageParam: undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: every,
    placeholderData: keepPreviousData,
    enabled,
  });
}
