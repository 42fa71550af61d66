import type { ReactNode } from "react";
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { QualityPoint } from "@/features/quality/api/quality";
import { amount, count, hourMinute } from "@/shared/format";

/** Records that passed and failed, step by step. */
export default function QualityChart({ series }: { series: QualityPoint[] }): ReactNode {
  return (
    <ResponsiveContainer>
      <BarChart data={series} margin={{ top: 6, right: 4, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--grid)" />
        <XAxis dataKey="start" tickFormatter={hourMinute} minTickGap={40} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="var(--line)" height={20} />
        <YAxis width={44} tickFormatter={amount} tickCount={4} tick={{ fill: "var(--muted)", fontSize: 11 }} stroke="transparent" />
        <Tooltip
          formatter={(value) => count(Number(value))}
          labelFormatter={(at) => `${hourMinute(String(at))} UTC`}
          contentStyle={{ background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 6, fontSize: 12 }}
        />
        <Bar dataKey="passed" stackId="all" fill="var(--good)" isAnimationActive={false} />
        <Bar dataKey="failed" stackId="all" fill="var(--bad)" isAnimationActive={false} />
      </BarChart>
    </ResponsiveContainer>
  );
}
