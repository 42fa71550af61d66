import type { ReactNode } from "react";
import { useGaps, type Gaps } from "@/features/gaps/api/gaps";
import { GapAxis } from "@/features/gaps/components/GapAxis";
import { GapTable } from "@/features/gaps/components/GapTable";
import { STATES } from "@/features/gaps/states";
import { orBlocked, type ChartProps } from "@/shared/charts";
import { Panel } from "@/shared/components/Panel";

/** What became of every trade id: received, back-filled, halted, a natural hole or lost. */
export function GapPanel({ symbol, span, height, blocked }: Pick<ChartProps, "symbol" | "span" | "height" | "blocked">): ReactNode {
  const asked = useGaps(symbol);
  return (
    <Panel<Gaps>
      title="Gaps"
      note={symbol && `${symbol}, what became of every trade id since the session began`}
      asked={orBlocked(asked, blocked)}
      height={height}
      empty={(data) => (data.spaces.length ? null : `No trade of ${data.symbol} has been seen yet.`)}
      actions={<Legend />}
    >
      {(data) => (
        <div className="grid gap-4 p-3 lg:grid-cols-2">
          {span && <GapAxis spaces={data.spaces} since={Date.parse(span.since)} until={Date.parse(span.until)} />}
          <GapTable gaps={data} />
        </div>
      )}
    </Panel>
  );
}

function Legend(): ReactNode {
  return (
    <ul className="flex flex-wrap gap-x-3 text-2xs">
      {Object.entries(STATES).map(([name, state]) => (
        <li key={name} className={state.text} title={state.means}><span aria-hidden="true">{state.glyph} </span>{state.word}</li>
      ))}
    </ul>
  );
}
