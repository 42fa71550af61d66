import type { ReactNode } from "react";

const PATHS: Record<string, string> = {
  low: "M0-3.5A3.5 3.5 0 1 1 0 3.5 3.5 3.5 0 1 1 0-3.5",
  medium: "M0-5 5 0 0 5-5 0Z",
  high: "M0-5 5.2 4.5H-5.2Z",
  critical: "M-4.4-4.4H4.4V4.4H-4.4Z",
};

/** An alert's place on a chart: its severity's shape, a button for mouse and keyboard. */
export function AlertMark({ x, y, severity, label, onOpen }: { x: number; y: number; severity: string; label: string; onOpen: () => void }): ReactNode {
  return (
    <g
      role="button"
      tabIndex={0}
      aria-label={label}
      transform={`translate(${x} ${y})`}
      className="cursor-pointer"
      onClick={onOpen}
      onKeyDown={(event) => {
        if (event.key === "Enter" || event.key === " ") onOpen();
      }}
    >
      <title>{label}</title>
      <circle r={9} fill="transparent" />
      <path d={PATHS[severity] ?? PATHS["low"]} fill={`var(--${severity})`} stroke="var(--surface)" strokeWidth={1.5} />
    </g>
  );
}

/** Moments for a time axis: about six, at whole steps. */
export function ticks(since: number, until: number): number[] {
  const steps = [5, 10, 15, 30, 60, 120, 240].map((minutes) => minutes * 60_000);
  const step = steps.find((each) => (until - since) / each <= 7) ?? 360 * 60_000;
  const found: number[] = [];
  for (let at = Math.ceil(since / step) * step; at < until; at += step) found.push(at);
  return found;
}
