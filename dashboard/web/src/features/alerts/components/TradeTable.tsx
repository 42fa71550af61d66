import type { ReactNode } from "react";
import type { Evidence } from "@/features/alerts/api/alert";
import { exact } from "@/shared/api/client";
import { Num, Side } from "@/shared/components/controls";
import { amount, count, money, price } from "@/shared/format";

const COLUMNS = "grid grid-cols-[6.75rem_4rem_1fr_1fr_1fr] gap-2 px-3 py-1 max-sm:grid-cols-[6.75rem_3rem_1fr_1fr]";

/** The trades behind an alert, each with its way back to the exchange's frame. */
export function TradeTable({ evidence }: { evidence: Evidence }): ReactNode {
  const { trades, trades_total: total, trades_absent: absent } = evidence;
  return (
    <section aria-label="Trades behind the alert" className="rounded-lg border border-line bg-surface">
      <h3 className="border-b border-line px-3 py-1.5 font-semibold">
        Trades behind it{" "}
        {!absent && <span className="text-2xs font-normal text-muted">{total > trades.length ? `the ${trades.length} largest of ${count(total)}` : count(total)}; open one for its lineage</span>}
      </h3>
      {!absent && (
        <p aria-hidden="true" className={`${COLUMNS} border-b border-line text-2xs text-muted`}>
          <span>Time</span>
          <span>Side</span>
          <span className="text-right">Price</span>
          <span className="text-right max-sm:hidden">Quantity</span>
          <span className="text-right">Size</span>
        </p>
      )}
      {absent ? <p className="p-3 text-muted">Not shown: {absent}.</p> : trades.map((trade) => (
        <details key={trade.event_id} className="group border-b border-line last:border-0">
          <summary className={`${COLUMNS} hover:bg-raised`}>
            <time dateTime={trade.timestamp} title={trade.timestamp} className="text-muted">{trade.timestamp.slice(11, 23).replace("Z", "")}</time>
            <Side of={trade.side} />
            <span className="text-right"><Num of={trade} field="price" as={price} /></span>
            <span className="text-right max-sm:hidden"><Num of={trade} field="quantity" as={amount} /></span>
            <span className="text-right font-medium"><Num of={trade} field="quote_volume" as={money} /></span>
          </summary>
          <dl className="grid grid-cols-[7rem_1fr] gap-x-3 bg-raised px-3 py-2 font-mono text-2xs break-all">
            {[
              ["market", `${trade.exchange} ${trade.native_symbol} ${trade.kind}`],
              ["trade id", String(trade.trade_id)],
              ["price", exact(trade, "price")],
              ["quantity", exact(trade, "quantity")],
              ["quote volume", exact(trade, "quote_volume")],
              ["received", trade.ingestion_timestamp],
              ["log", `${trade.shard} · ${trade.sequence_number} · line ${trade.position}`],
              ["event id", trade.event_id],
              ["frame", trade.raw_event_payload ?? ""],
            ].map(([name, value]) => (
              <div key={name} className="contents"><dt className="text-muted">{name}</dt><dd>{value}</dd></div>
            ))}
          </dl>
        </details>
      ))}
    </section>
  );
}
