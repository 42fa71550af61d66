import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { get, type Answer, type Problem } from "@/shared/api/client";
import { usePolling } from "@/shared/polling";

export type Evidence = Answer<"/alerts/{alert_id}">;

/** An alert with what it was made from; asked again until its trades are in the lake and it is final. */
export function useEvidence(alertId: string): UseQueryResult<Evidence, Problem> {
  const { every } = usePolling();
  return useQuery<Evidence, Problem>({
    queryKey: ["/alerts/{alert_id}", alertId],
    queryFn: ({ signal }) => get<Evidence>(`/alerts/${alertId}`, {}, signal),
    refetchInterval: ({ state }) => (state.data?.alert.final && !state.data.trades_absent ? false : every),
    enabled: alertId !== "",
  });
}
