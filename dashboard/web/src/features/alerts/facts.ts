import type { Alert } from "@/features/alerts/api/alerts";
import { exact } from "@/shared/api/client";
import { amount, count, money, percent, price, score } from "@/shared/format";

export interface Fact {
  name: string;
  shown: string;
  exact: string;
  why?: string;
}

type Field = keyof Alert & string;

/** What an alert measured, and what it was measured against: the line that it crossed first. */
export function facts(alert: Alert): Fact[] {
  const fact = (name: string, field: Field, as: (value: number | null) => string, why?: string): Fact[] => {
    const value = alert[field] as number | null;
    return value === null ? [] : [{ name, shown: as(value), exact: exact(alert, field), ...(why ? { why } : {}) }];
  };
  if (alert.type === "whale") {
    return [
      ...fact("Size", "quote_volume", money, `threshold ${money(alert.threshold)}`),
      ...fact("Price", "price", price),
      ...fact("Quantity", "quantity", amount),
      ...fact("Prints", "trade_count", count, "of one side and millisecond"),
      ...fact("First trade id", "first_trade_id", String),
      ...fact("Last trade id", "last_trade_id", String),
    ];
  }
  if (alert.type === "spread") {
    return [
      ...fact("Spread as quoted", "spread_pct", percent, `threshold ±${alert.threshold}%`),
      ...fact("Without the peg", "adjusted_spread_pct", percent, alert.cause ? `cause: ${alert.cause}` : undefined),
      ...fact("USDT in USD", "peg", (value) => value?.toFixed(4) ?? ""),
      ...fact("Binance VWAP", "binance_vwap", price),
      ...fact("Coinbase VWAP", "coinbase_vwap", price),
    ];
  }
  const byZ = alert.rule.endsWith("z");
  return [
    ...fact("z-score", "z_score", score, byZ ? `threshold ±${alert.threshold}` : undefined),
    ...fact("Robust score", "robust_score", score, byZ ? undefined : `threshold ±${alert.threshold}`),
    ...fact("Volume of the minute", "window_volume", money),
    ...fact("Baseline mean", "rolling_mean", money),
    ...fact("Baseline deviation", "rolling_std", money),
    ...fact("Baseline bars", "baseline_bars", count, "closed minutes before it"),
    ...fact("Trades", "trade_count", count),
  ];
}
