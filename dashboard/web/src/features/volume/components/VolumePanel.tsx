import { lazy, Suspense, type ReactNode } from "react";
import { useBars } from "@/features/volume/api/bars";
import { volumeRows } from "@/features/volume/rows";
import { Panel } from "@/shared/components/Panel";
import { orBlocked, type ChartProps } from "@/shared/charts";

const VolumeChart = lazy(() => import("@/features/volume/components/VolumeChart"));

/** A symbol's volume, minute by minute and exchange by exchange, with its baseline and what was found in it. */
export function VolumePanel({ symbol, span, session, alerts, at, onOpen, height, blocked }: ChartProps): ReactNode {
  const asked = useBars(symbol, span);
  return (
    <Panel
      title="Volume"
      note={symbol && `${symbol}, 60 s bars in quote currency; band: mean ± ${session?.thresholds.volume_z ?? 2.5} deviations of the hour before`}
      asked={orBlocked(asked, blocked)}
      height={height}
      empty={(data) => (data.bars.length ? null : "No closed bars in this window of time.")}
    >
      {(data) => {
        const venues = (session?.exchanges ?? []).filter((name) => data.bars.some((bar) => bar.exchange === name));
        const [since, until] = [Date.parse(data.since ?? ""), Date.parse(data.until ?? "")];
        return (
          <div className="flex h-full flex-col gap-1 py-2 pr-1">
            <Suspense fallback={null}>
              {venues.map((name) => (
                <VolumeChart
                  key={name}
                  exchange={name}
                  rows={volumeRows(data.bars, alerts, name, since, until, data.window_s * 1000, session?.thresholds.volume_z ?? 2.5)}
                  at={at}
                  onOpen={onOpen}
                />
              ))}
            </Suspense>
          </div>
        );
      }}
    </Panel>
  );
}
