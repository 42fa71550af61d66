import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { get, Problem } from "@/shared/api/client";
import { usePolling } from "@/shared/polling";

export interface QualityPoint {
  start: string;
  processed: number;
  passed: number;
  failed: number;
  late: number;
  inconsistent: number;
  duplicates: number;
  score: number | null;
  failure_rate: number | null;
}

export interface Quality {
  as_of: string | null;
  target: number;
  alarm_below: number;
  current: QualityPoint | null;
  total: QualityPoint | null;
  series: QualityPoint[];
  rules: { rule: string; dimension: string; action: string; category: string | null; holds_when: string; records: number }[];
  samples: { id: string; category: string; rules: string[]; reasons: string[]; symbol: string; exchange: string | null; arrived_at: string; size: number; raw: string }[];
}

/** Data quality of the last day; null where this API has none to tell. */
export function useQuality(): UseQueryResult<Quality | null, Problem> {
  const { every } = usePolling();
  return useQuery<Quality | null, Problem>({
    queryKey: ["/quality"],
    queryFn: async ({ signal }) => {
      try {
        return await get<Quality>("/quality", { step: 10 }, signal);
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (state.data === null ? false : every),
  });
}
