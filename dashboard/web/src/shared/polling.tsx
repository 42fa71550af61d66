import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";

interface Polling {
  paused: boolean;
  /** Milliseconds between two questions, false while paused. */
  every: number | false;
  toggle: () => void;
  setPollS: (seconds: number) => void;
}

const Context = createContext<Polling | null>(null);

/** Whether everything on the page is asked for again and again; going on after a pause asks for everything at once. */
export function PollingProvider({ children, pollS: first = 10 }: { children: ReactNode; pollS?: number }): ReactNode {
  const client = useQueryClient();
  const [paused, setPaused] = useState(false);
  const [pollS, setPollS] = useState(first);
  const toggle = useCallback(() => {
    if (paused) void client.invalidateQueries();
    setPaused(!paused);
  }, [client, paused]);
  const value = useMemo(() => ({ paused, every: paused ? (false as const) : pollS * 1000, toggle, setPollS }), [paused, pollS, toggle]);
  return <Context value={value}>{children}</Context>;
}

export function usePolling(): Polling {
  const found = useContext(Context);
  if (!found) throw new Error("usePolling needs a PollingProvider above it");
  return found;
}
