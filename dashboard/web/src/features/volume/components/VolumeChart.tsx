import type { ReactNode } from "react";
import { Area, Bar, CartesianGrid, ComposedChart, Line, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { VolumeRow } from "@/features/volume/rows";
import { exact } from "@/shared/api/client";
import { AlertMark, ticks } from "@/shared/components/marks";
import { amount, exchangeName, hourMinute, score } from "@/shared/format";

interface Props {
  exchange: string;
  rows: VolumeRow[];
  at: number | null;
  onOpen: (alertId: string) => void;
}

/** One exchange's minutes: volume as bars, the baseline's band behind them, alerts on top. */
export default function VolumeChart({ exchange, rows, at, onOpen }: Props): ReactNode {
  const first = rows[0]?.at ?? 0;
  const last = rows.at(-1)?.at ?? 0;
  const alerts = rows.filter((row) => row.alert).length;
  const color = `var(--${exchange})`;
  const mark = at === null ? null : rows.findLast((row) => row.at <= at)?.at;
  const shape = (props: unknown): ReactNode => <Minute {...(props as MinuteProps)} color={color} onOpen={onOpen} />;
  return (
    <figure className="flex min-h-0 min-w-0 flex-1 flex-col" aria-label={`${exchangeName(exchange)}: volume of each minute from ${hourMinute(first)} to ${hourMinute(last)} UTC, ${alerts} alerts`}>
      <figcaption className="flex items-center gap-1.5 pl-16 text-2xs text-muted">
        <span aria-hidden="true" className="size-1.5 rounded-full" style={{ background: color }} />
        {exchangeName(exchange)}
      </figcaption>
      <div className="min-h-0 flex-1">
        <ResponsiveContainer>
          <ComposedChart data={rows} margin={{ top: 12, right: 8, bottom: 0, left: 0 }} barCategoryGap="12%" accessibilityLayer={false}>
            <CartesianGrid vertical={false} stroke="var(--grid)" />
            <XAxis dataKey="at" ticks={ticks(first, last)} tickFormatter={hourMinute} interval="preserveStartEnd" tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="var(--line)" height={20} />
            <YAxis width={60} tickFormatter={amount} tickCount={4} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="transparent" />
            <Tooltip content={<Hint />} cursor={{ fill: "var(--band)" }} isAnimationActive={false} />
            <Area dataKey="band" type="stepAfter" stroke="none" fill="var(--band)" isAnimationActive={false} connectNulls={false} activeDot={false} />
            <Bar dataKey="volume" shape={shape} isAnimationActive={false} minPointSize={1} />
            <Line dataKey="mean" type="stepAfter" stroke="var(--muted)" strokeDasharray="4 3" dot={false} activeDot={false} isAnimationActive={false} />
            {mark !== null && mark !== undefined && <ReferenceLine x={mark} stroke="var(--accent)" strokeWidth={2} />}
          </ComposedChart>
        </ResponsiveContainer>
      </div>
    </figure>
  );
}

interface MinuteProps {
  x: number;
  y: number;
  width: number;
  height: number;
  payload: VolumeRow;
}

function Minute({ x, y, width, height, payload, color, onOpen }: MinuteProps & { color: string; onOpen: (id: string) => void }): ReactNode {
  const { alert } = payload;
  return (
    <g>
      <rect x={x} y={y} width={Math.max(width, 0.6)} height={Math.max(height, 0)} fill={alert ? `var(--${alert.severity})` : color} opacity={payload.bar?.complete === false ? 0.45 : 0.9} />
      {alert && <AlertMark x={x + width / 2} y={y - 7} severity={alert.severity} label={`${hourMinute(payload.at)} ${alert.severity}: ${alert.message}`} onOpen={() => onOpen(alert.id)} />}
    </g>
  );
}

function Hint({ active, payload }: { active?: boolean; payload?: { payload: VolumeRow }[] }): ReactNode {
  const row = payload?.[0]?.payload;
  if (!active || !row) return null;
  const { bar } = row;
  return (
    <div className="rounded-md border border-line bg-surface px-2.5 py-1.5 text-2xs shadow-lg">
      <p className="font-semibold">{hourMinute(row.at)} UTC</p>
      {bar ? (
        <dl className="grid grid-cols-[auto_auto] gap-x-3">
          <dt className="text-muted">quote volume</dt><dd className="text-right">{exact(bar, "quote_volume")}</dd>
          <dt className="text-muted">trades</dt><dd className="text-right">{bar.trade_count}</dd>
          <dt className="text-muted">baseline mean</dt><dd className="text-right">{exact(bar, "rolling_mean") || "not yet"}</dd>
          <dt className="text-muted">z · robust</dt><dd className="text-right">{score(bar.z_score)} · {score(bar.robust_score)}</dd>
          {!bar.complete && <dd className="col-span-2 text-warn">the venue was away for part of it</dd>}
        </dl>
      ) : <p className="text-muted">no bar</p>}
      {row.alert && <p className="max-w-56 pt-1">{row.alert.message}</p>}
    </div>
  );
}
