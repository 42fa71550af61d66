import type { Spread } from "@/features/spread/api/spreads";

export interface SpreadRow {
  at: number;
  spread: Spread | null;
  raw: number | null;
  adjusted: number | null;
  alert: { id: string; severity: string; message: string } | null;
}

interface Found {
  alert_id: string;
  severity: string;
  message: string;
  type: string;
  window_start: string | null;
}

/** One row a window of the span, with what was measured and found in it; of two alerts the one as quoted stands. */
export function spreadRows(spreads: Spread[], alerts: Found[], since: number, until: number, stepMs: number): SpreadRow[] {
  const byWindow = new Map(spreads.map((row) => [Date.parse(row.window_start), row]));
  const marks = new Map<number, Found>();
  for (const alert of alerts) if (alert.type === "spread" && alert.window_start) marks.set(Date.parse(alert.window_start), alert);
  const rows: SpreadRow[] = [];
  for (let at = Math.ceil(since / stepMs) * stepMs; at < until; at += stepMs) {
    const spread = byWindow.get(at) ?? null;
    const mark = marks.get(at);
    rows.push({
      at,
      spread,
      raw: spread?.spread_pct ?? null,
      adjusted: spread?.adjusted_spread_pct ?? null,
      alert: mark ? { id: mark.alert_id, severity: mark.severity, message: mark.message } : null,
    });
  }
  return rows;
}
