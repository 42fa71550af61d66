import type { Bar } from "@/features/volume/api/bars";

export interface Marked {
  id: string;
  severity: string;
  message: string;
}

export interface VolumeRow {
  at: number;
  bar: Bar | null;
  volume: number | null;
  mean: number | null;
  /** Where z stays within the threshold. */
  band: [number, number] | null;
  alert: Marked | null;
}

interface Found {
  alert_id: string;
  severity: string;
  message: string;
  exchange: string;
  symbol: string;
  type: string;
  window_start: string | null;
}

/** One row a minute of the span, with the bar, the baseline and the alert of that minute where there are any. */
export function volumeRows(bars: Bar[], alerts: Found[], exchange: string, since: number, until: number, stepMs: number, z: number): VolumeRow[] {
  const byMinute = new Map(bars.filter((bar) => bar.exchange === exchange).map((bar) => [Date.parse(bar.window_start), bar]));
  const marks = new Map<number, Marked>();
  for (const alert of alerts) {
    if (alert.type !== "volume_spike" || alert.exchange !== exchange || !alert.window_start) continue;
    marks.set(Date.parse(alert.window_start), { id: alert.alert_id, severity: alert.severity, message: alert.message });
  }
  const rows: VolumeRow[] = [];
  for (let at = Math.ceil(since / stepMs) * stepMs; at < until; at += stepMs) {
    const bar = byMinute.get(at) ?? null;
    const mean = bar?.rolling_mean ?? null;
    const std = bar?.rolling_std ?? null;
    const band: [number, number] | null = mean !== null && std !== null ? [Math.max(0, mean - z * std), mean + z * std] : null;
    rows.push({ at, bar, volume: bar?.quote_volume ?? null, mean, band, alert: marks.get(at) ?? null });
  }
  return rows;
}
