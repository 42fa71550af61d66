import type { ReactNode } from "react";
import { useSymbols, type Symbols } from "@/features/session/api/symbols";
import { exact } from "@/shared/api/client";
import { amount, count, percent, price } from "@/shared/format";
import { Stale } from "@/shared/components/Panel";

type Info = Symbols["symbols"][number];

/** The symbols with their latest values; the chosen one is what the charts show. */
export function SymbolStrip({ chosen, onChoose }: { chosen: string; onChoose: (symbol: string) => void }): ReactNode {
  const { data, error, isPending, dataUpdatedAt, refetch } = useSymbols();
  const state = data ? (error ? "stale" : data.count ? "ready" : "empty") : isPending ? "loading" : "error";
  return (
    <section aria-label="Symbols" data-state={state} aria-busy={state === "loading"} className="relative">
      <div role="group" aria-label="Symbol of the charts" className="grid min-h-[6.25rem] grid-cols-2 gap-2 lg:grid-cols-4 lg:gap-3">
        {state === "loading" && [1, 2, 3, 4].map((key) => <div key={key} className="h-[6.25rem] animate-pulse rounded-lg border border-line bg-surface" />)}
        {state === "error" && (
          <p role="alert" className="col-span-full self-center text-center text-bad">
            {error?.message} <button type="button" className="underline" onClick={() => void refetch()}>Try again</button>
          </p>
        )}
        {state === "empty" && <p className="col-span-full self-center text-center text-muted">This session has no symbols.</p>}
        {data?.symbols.map((info) => <Card key={info.symbol} info={info} chosen={info.symbol === chosen} onChoose={onChoose} />)}
      </div>
      {state === "stale" && <Stale since={dataUpdatedAt} why={error?.message ?? ""} />}
    </section>
  );
}

function Card({ info, chosen, onChoose }: { info: Info; chosen: boolean; onChoose: (symbol: string) => void }): ReactNode {
  const { metrics } = info;
  const venues = Object.keys(info.native_symbols);
  const volume = Object.values(metrics.volume_1h).reduce((sum, each) => sum + each, 0);
  return (
    <button
      type="button"
      aria-pressed={chosen}
      onClick={() => onChoose(info.symbol)}
      className="flex h-[6.25rem] flex-col rounded-lg border border-line bg-surface px-3 py-2 text-left hover:border-muted aria-pressed:border-accent aria-pressed:shadow-[inset_0_2px_0_var(--accent)]"
    >
      <span className="flex w-full items-baseline justify-between gap-2">
        <span className="font-semibold">{info.symbol}</span>
        <span className="text-2xs text-muted" title="Alerts in 24 hours of the stream">{count(metrics.anomaly_count_24h)} alerts</span>
      </span>
      <span className="mt-0.5 grid w-full grid-cols-[auto_1fr] gap-x-2">
        {venues.map((venue) => (
          <span key={venue} className="contents">
            <span className="flex items-center gap-1.5 text-2xs text-muted capitalize">
              <span aria-hidden="true" className={`size-1.5 rounded-full ${venue === "binance" ? "bg-binance" : "bg-coinbase"}`} />
              {venue}
            </span>
            <span className="truncate text-right font-medium" title={exact(metrics.current_price, venue)}>{price(metrics.current_price[venue])}</span>
          </span>
        ))}
      </span>
      <span className="mt-auto flex w-full justify-between gap-2 overflow-hidden text-2xs whitespace-nowrap text-muted">
        <span title={`Spread ${exact(metrics, "spread_pct") || "not measured"}`}>{info.peg ? "peg" : <><span className="max-sm:hidden">spread </span>{percent(metrics.spread_pct)}</>}</span>
        <span title={`Quote volume of one hour: ${volume}`}>{amount(volume)} / h</span>
      </span>
    </button>
  );
}
