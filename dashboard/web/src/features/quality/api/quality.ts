import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { get, Problem, type Answer } from "@/shared/api/client";
import { usePolling } from "@/shared/polling";

export type Quality = Answer<"/quality">;
export type QualityPoint = Quality["series"][number];

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
