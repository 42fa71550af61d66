import type { UseQueryResult } from "@tanstack/react-query";
import type { Answer, Problem } from "@/shared/api/client";
import { usePolled } from "@/shared/api/polled";

export type Session = Answer<"/session">;

/** What is watched, whether it is real, and the stream's clock. */
export const useSession = (): UseQueryResult<Session, Problem> => usePolled<Session>("/session");
