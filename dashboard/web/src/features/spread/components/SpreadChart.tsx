import type { ReactNode } from "react";
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { SpreadRow } from "@/features/spread/rows";
import { exact } from "@/shared/api/client";
import { AlertMark, ticks } from "@/shared/components/marks";
import { clockTime, hourMinute, percent } from "@/shared/format";

interface Props {
  rows: SpreadRow[];
  threshold: number;
  at: number | null;
  onOpen: (alertId: string) => void;
}

/** The spread as quoted and without the peg, between the lines that make an alert. */
export default function SpreadChart({ rows, threshold, at, onOpen }: Props): ReactNode {
  const first = rows[0]?.at ?? 0;
  const last = rows.at(-1)?.at ?? 0;
  const alerts = rows.filter((row) => row.alert).length;
  const most = Math.max(threshold * 1.25, ...rows.map((row) => Math.max(Math.abs(row.raw ?? 0), Math.abs(row.adjusted ?? 0)) * 1.12));
  const mark = at === null ? null : rows.findLast((row) => row.at <= at)?.at;
  return (
    <div className="h-full" role="figure" aria-label={`Spread from ${hourMinute(first)} to ${hourMinute(last)} UTC, ${alerts} alerts`}>
      <ResponsiveContainer>
        <LineChart data={rows} margin={{ top: 10, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis dataKey="at" ticks={ticks(first, last)} tickFormatter={hourMinute} interval="preserveStartEnd" tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="var(--line)" height={20} />
          <YAxis width={60} domain={[-most, most]} ticks={[-threshold, 0, threshold]} tickFormatter={(value: number) => percent(value, 2)} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="transparent" />
          <Tooltip content={<Hint />} isAnimationActive={false} />
          {[threshold, -threshold].map((y) => <ReferenceLine key={y} y={y} stroke="var(--high)" strokeDasharray="6 4" />)}
          <ReferenceLine y={0} stroke="var(--line)" />
          {mark !== null && mark !== undefined && <ReferenceLine x={mark} stroke="var(--accent)" strokeWidth={2} />}
          <Line dataKey="adjusted" stroke="var(--coinbase)" strokeDasharray="5 3" dot={false} activeDot={false} isAnimationActive={false} />
          <Line dataKey="raw" stroke="var(--text)" strokeWidth={1.5} activeDot={false} isAnimationActive={false} dot={(props: DotProps) => <Dot key={props.payload.at} {...props} onOpen={onOpen} />} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

interface DotProps {
  cx?: number;
  cy?: number;
  payload: SpreadRow;
}

function Dot({ cx, cy, payload, onOpen }: DotProps & { onOpen: (id: string) => void }): ReactNode {
  const { alert } = payload;
  if (!alert || cx === undefined || cy === undefined || Number.isNaN(cy)) return <g />;
  return <AlertMark x={cx} y={cy} severity={alert.severity} label={`${hourMinute(payload.at)} ${alert.severity}: ${alert.message}`} onOpen={() => onOpen(alert.id)} />;
}

function Hint({ active, payload }: { active?: boolean; payload?: { payload: SpreadRow }[] }): ReactNode {
  const row = payload?.[0]?.payload;
  if (!active || !row?.spread) return null;
  return (
    <div className="rounded-md border border-line bg-surface px-2.5 py-1.5 text-2xs shadow-lg">
      <p className="font-semibold">{clockTime(row.at)} UTC</p>
      <dl className="grid grid-cols-[auto_auto] gap-x-3">
        <dt className="text-muted">as quoted</dt><dd className="text-right">{exact(row.spread, "spread_pct")}%</dd>
        <dt className="text-muted">without the peg</dt><dd className="text-right">{exact(row.spread, "adjusted_spread_pct") || "–"}%</dd>
        <dt className="text-muted">Binance VWAP</dt><dd className="text-right">{exact(row.spread, "binance_vwap")}</dd>
        <dt className="text-muted">Coinbase VWAP</dt><dd className="text-right">{exact(row.spread, "coinbase_vwap")}</dd>
        <dt className="text-muted">USDT in USD</dt><dd className="text-right">{exact(row.spread, "peg") || "–"}</dd>
      </dl>
    </div>
  );
}
