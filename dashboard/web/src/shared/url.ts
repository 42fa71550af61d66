// What is looked at lives in the URL: a link shows another person the same.
import { useCallback, useSyncExternalStore } from "react";

export const RANGES = { "30m": 30, "1h": 60, "2h": 120, "6h": 360, "24h": 1440 } as const;
export type Range = keyof typeof RANGES;

export interface View {
  symbol: string;
  range: Range;
  at: string;
  alert: string;
  type: string;
  severity: string;
  exchange: string;
  only: string;
  kind: string;
}

const DEFAULTS: View = { symbol: "", range: "1h", at: "", alert: "", type: "", severity: "", exchange: "", only: "", kind: "" };
const ALLOWED: Partial<Record<keyof View, readonly string[]>> = {
  range: Object.keys(RANGES),
  type: ["volume_spike", "whale", "spread"],
  severity: ["low", "medium", "high", "critical"],
  exchange: ["binance", "coinbase"],
  only: ["symbol"],
  kind: ["single", "split"],
};
const CHANGED = "ctc:url";

/** The view that a query string describes; what it can't mean is left out. */
export function readView(search: string): View {
  const given = new URLSearchParams(search);
  const view: Record<string, string> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof View)[]) {
    const value = given.get(name) ?? "";
    if (value && (ALLOWED[name]?.includes(value) ?? true)) view[name] = value;
  }
  if (Number.isNaN(Date.parse(String(view.at)))) view.at = "";
  if (!/^[0-9a-f-]{36}$/.test(String(view.alert))) view.alert = "";
  return view as unknown as View;
}

export function writeView(view: View): string {
  const given = (Object.keys(DEFAULTS) as (keyof View)[]).filter((name) => view[name] !== DEFAULTS[name]);
  const search = new URLSearchParams(given.map((name) => [name, view[name]])).toString();
  return search ? `?${search}` : "";
}

function subscribe(listener: () => void): () => void {
  addEventListener("popstate", listener);
  addEventListener(CHANGED, listener);
  return () => {
    removeEventListener("popstate", listener);
    removeEventListener(CHANGED, listener);
  };
}

/** The view, and what changes it; `link` is the address of a changed view. */
export function useView(): { view: View; change: (changes: Partial<View>) => void; link: (changes: Partial<View>) => string } {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const view = readView(search);
  const change = useCallback((changes: Partial<View>) => {
    history.pushState(null, "", `${location.pathname}${writeView({ ...readView(location.search), ...changes })}`);
    dispatchEvent(new Event(CHANGED));
  }, []);
  const link = (changes: Partial<View>): string => `/${writeView({ ...view, ...changes })}`;
  return { view, change, link };
}

/** The window of time that the charts show: up to the stream's clock, or around the moment that the URL names. */
export function windowOf(view: View, clock: string | null): { since: string; until: string } | null {
  const length = RANGES[view.range] * 60_000;
  const end = view.at ? Date.parse(view.at) + length * 0.3 : clock ? Date.parse(clock) : null;
  if (end === null) return null;
  const until = Math.ceil(end / 30_000) * 30_000;
  return { since: new Date(until - length).toISOString(), until: new Date(until).toISOString() };
}
