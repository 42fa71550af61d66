import type { ReactNode } from "react";
import { Bar, CartesianGrid, ComposedChart, Line, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { Evidence } from "@/features/alerts/api/alert";
import { amount, hourMinute, percent } from "@/shared/format";

/** The minutes or half minutes around an alert, its own one marked. */
export default function EvidenceChart({ evidence }: { evidence: Evidence }): ReactNode {
  const { alert, bars, spreads } = evidence;
  const own = alert.window_start ?? alert.event_time;
  const rows = spreads.length
    ? spreads.map((row) => ({ at: row.window_start, value: row.spread_pct, adjusted: row.adjusted_spread_pct }))
    : bars.map((row) => ({ at: row.window_start, value: row.quote_volume, adjusted: row.rolling_mean }));
  const mark = rows.findLast((row) => row.at <= own)?.at;
  const as = spreads.length ? (value: number) => percent(value, 2) : amount;
  return (
    <div role="img" aria-label={spreads.length ? "Spread around the alert" : "Volume of the minutes around the alert, with the baseline's mean"} className="h-full">
      <ResponsiveContainer>
        <ComposedChart data={rows} margin={{ top: 4, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis dataKey="at" tickFormatter={hourMinute} minTickGap={40} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="var(--line)" />
          <YAxis width={56} tickFormatter={as} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="var(--line)" />
          <Tooltip
            formatter={(value, name) => [as(Number(value)), name === "value" ? "measured" : spreads.length ? "without the peg" : "baseline mean"]}
            labelFormatter={(at) => `${hourMinute(String(at))} UTC`}
            contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 6, fontSize: 12 }}
          />
          {mark && <ReferenceLine x={mark} stroke={`var(--${alert.severity})`} strokeWidth={2} />}
          {spreads.length > 0 && <ReferenceLine y={alert.threshold} stroke="var(--muted)" strokeDasharray="4 3" ifOverflow="extendDomain" />}
          {spreads.length ? (
            <Line dataKey="value" stroke="var(--accent)" dot={false} isAnimationActive={false} />
          ) : (
            <Bar dataKey="value" fill={`var(--${alert.exchange})`} isAnimationActive={false} />
          )}
          <Line dataKey="adjusted" stroke="var(--text)" strokeDasharray="3 3" dot={false} isAnimationActive={false} />
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}
