import { lazy, Suspense, type ReactNode } from "react";
import { useSpreads } from "@/features/spread/api/spreads";
import { spreadRows } from "@/features/spread/rows";
import { orBlocked, type ChartProps } from "@/shared/charts";
import { Panel } from "@/shared/components/Panel";

const SpreadChart = lazy(() => import("@/features/spread/components/SpreadChart"));

/** Binance against Coinbase, half minute by half minute. */
export function SpreadPanel({ symbol, span, session, alerts, at, onOpen, height, blocked }: ChartProps): ReactNode {
  const asked = useSpreads(symbol, span);
  const threshold = session?.thresholds.spread_pct ?? 0.5;
  return (
    <Panel
      title="Spread"
      note={symbol && `${symbol}, Binance against Coinbase, VWAP of 30 s; alerts beyond ±${threshold}%`}
      asked={orBlocked(asked, blocked)}
      height={height}
      empty={(data) => (data.spreads.length ? null : symbol === session?.peg_symbol ? "The peg is quoted on one exchange: it has no spread." : "No window of this time in which both exchanges traded.")}
      actions={<Legend />}
    >
      {(data) => (
        <div className="h-full py-2 pr-1">
          <Suspense fallback={null}>
            <SpreadChart
              rows={spreadRows(data.spreads, alerts, Date.parse(data.since ?? ""), Date.parse(data.until ?? ""), data.window_s * 1000)}
              threshold={threshold}
              at={at}
              onOpen={onOpen}
            />
          </Suspense>
        </div>
      )}
    </Panel>
  );
}

function Legend(): ReactNode {
  return (
    <ul className="flex gap-3 text-2xs text-muted">
      <li className="flex items-center gap-1.5"><span aria-hidden="true" className="w-4 border-t-2 border-text" />as quoted</li>
      <li className="flex items-center gap-1.5"><span aria-hidden="true" className="w-4 border-t-2 border-dashed border-coinbase" />without the peg</li>
    </ul>
  );
}
