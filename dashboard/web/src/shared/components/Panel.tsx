import { useId, type ReactNode } from "react";
import { clockTime } from "@/shared/format";
import type { Problem } from "@/shared/api/client";

/** What a panel needs to know of a question to the API. */
export interface Asked<T> {
  data: T | undefined;
  error: Problem | null;
  isPending: boolean;
  dataUpdatedAt: number;
  refetch: () => unknown;
}

interface Props<T> {
  title: string;
  asked: Asked<T>;
  /** What to say where the answer holds nothing; null where it does. */
  empty: (data: T) => string | null;
  children: (data: T) => ReactNode;
  actions?: ReactNode;
  note?: string | undefined;
  /** Of the body, in every state: nothing moves when an answer comes. */
  height: string;
  className?: string;
}

/** A section of the page in one of its states: loading, error, empty, stale or as it should be. */
export function Panel<T>({ title, asked, empty, children, actions, note, height, className = "" }: Props<T>): ReactNode {
  const id = useId();
  const { data, error, isPending } = asked;
  const state = data === undefined ? (error ? "error" : isPending ? "loading" : "error") : error ? "stale" : empty(data) ? "empty" : "ready";
  return (
    <section aria-labelledby={id} data-state={state} aria-busy={state === "loading"} className={`relative flex min-w-0 flex-col rounded-lg border border-line bg-surface ${className}`}>
      <header className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1.5">
        <h2 id={id} className="text-[0.8125rem] font-semibold tracking-tight">{title}</h2>
        {note && <span className="truncate text-2xs text-muted max-md:hidden">{note}</span>}
        <div className="ml-auto flex flex-wrap items-center gap-1.5">{actions}</div>
      </header>
      {state === "stale" && <Stale since={asked.dataUpdatedAt} why={error?.message ?? ""} />}
      <div className={`relative overflow-auto ${height}`} tabIndex={0} role="group" aria-label={title}>
        {state === "loading" && <Loading />}
        {state === "error" && <Failed why={error?.message ?? "No answer."} retry={asked.refetch} />}
        {state === "empty" && data !== undefined && <Words>{empty(data)}</Words>}
        {data !== undefined && state !== "empty" && (empty(data) ? <Words>{empty(data)}</Words> : children(data))}
      </div>
    </section>
  );
}

/** Lies over a corner of what it speaks of, so that nothing moves. */
export function Stale({ since, why }: { since: number; why: string }): ReactNode {
  return (
    <span role="status" title={why} className="absolute right-2 bottom-2 z-1 rounded border border-warn bg-warn-bg px-1.5 py-0.5 text-2xs font-medium text-warn shadow-sm">
      <span aria-hidden="true">⚠ </span>Stale since {clockTime(since)} UTC
    </span>
  );
}

function Loading(): ReactNode {
  return (
    <div className="flex h-full flex-col justify-center gap-3 p-4" role="status">
      <span className="sr-only">Loading</span>
      {[70, 92, 55, 80].map((width) => (
        <div key={width} className="h-3 animate-pulse rounded bg-line" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

function Failed({ why, retry }: { why: string; retry: () => unknown }): ReactNode {
  return (
    <div role="alert" className="flex h-full flex-col items-center justify-center gap-2 p-4 text-center">
      <p className="text-bad">{why}</p>
      <button type="button" onClick={() => void retry()} className="rounded border border-line bg-raised px-2.5 py-1 hover:border-muted">
        Try again
      </button>
    </div>
  );
}

function Words({ children }: { children: ReactNode }): ReactNode {
  return <p className="flex h-full items-center justify-center p-4 text-center text-muted">{children}</p>;
}
