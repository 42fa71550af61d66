import type { ReactNode } from "react";
import { useWhales } from "@/features/whales/api/whales";
import { Exchange, Num, Segmented, Severity, Side } from "@/shared/components/controls";
import { Panel } from "@/shared/components/Panel";
import { amount, clockTime, count, money, price } from "@/shared/format";
import { useView } from "@/shared/url";

const KINDS = [
  { value: "", label: "All" },
  { value: "single", label: "Single" },
  { value: "split", label: "Split" },
];
const HEAD = "sticky top-0 bg-surface px-2 py-1.5 max-sm:px-1 text-2xs font-medium text-muted";

/** Whales newest first: one print, or one side's prints of the same millisecond. */
export function WhaleLog({ symbol, height }: { symbol: string; height: string }): ReactNode {
  const { view, change, link } = useView();
  const filter = { ...(view.only ? { symbol } : {}), ...(view.kind ? { kind: view.kind as "single" | "split" } : {}) };
  const asked = useWhales(filter);
  return (
    <Panel
      title="Whales"
      note={view.only ? symbol : "all symbols"}
      asked={asked}
      height={height}
      empty={(data) => (data.count || data.has_more ? null : "No whales in the last 24 hours of the stream.")}
      actions={<Segmented label="Kind of whale" value={view.kind} options={KINDS} onChange={(kind) => change({ kind })} />}
    >
      {(data) => (
        <table className="w-full border-collapse">
          <thead>
            <tr className="text-left">
              <th scope="col" className={`${HEAD} pl-3!`}>Time</th>
              <th scope="col" className={HEAD}>Symbol</th>
              <th scope="col" className={HEAD}><span className="max-sm:sr-only">Exchange</span></th>
              <th scope="col" className={HEAD}>Side</th>
              <th scope="col" className={`${HEAD} text-right`}>Size</th>
              <th scope="col" className={`${HEAD} text-right max-sm:hidden`}>Quantity</th>
              <th scope="col" className={`${HEAD} text-right max-sm:hidden`}>Price</th>
              <th scope="col" className={`${HEAD} max-sm:hidden`}>Kind</th>
              <th scope="col" className={`${HEAD} pr-3`}><span className="max-sm:sr-only">Severity</span></th>
            </tr>
          </thead>
          <tbody>
            {data.whales.map((whale) => (
              <tr key={whale.alert_id} className="border-t border-line hover:bg-raised [&>td]:px-2 [&>td]:py-1 max-sm:[&>td]:px-1">
                <td className="pl-3! whitespace-nowrap">
                  <a
                    href={link({ alert: whale.alert_id })}
                    title={whale.event_time}
                    className="text-accent underline-offset-2 hover:underline"
                    onClick={(event) => {
                      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                      event.preventDefault();
                      change({ alert: whale.alert_id });
                    }}
                  >
                    {clockTime(whale.event_time)}<span className="sr-only">, why</span>
                  </a>
                </td>
                <td className="whitespace-nowrap">{whale.symbol}</td>
                <td><Exchange of={whale.exchange} short /></td>
                <td className="whitespace-nowrap"><Side of={whale.side} /></td>
                <td className="text-right font-medium"><Num of={whale} field="quote_volume" as={money} /></td>
                <td className="text-right max-sm:hidden"><Num of={whale} field="quantity" as={amount} /></td>
                <td className="text-right max-sm:hidden"><Num of={whale} field="price" as={price} /></td>
                <td className="whitespace-nowrap text-muted max-sm:hidden">{whale.kind === "split" ? `split, ${count(whale.trade_count)} prints` : "single"}</td>
                <td className="pr-3!"><span className="sm:hidden"><Severity of={whale.severity} short /></span><span className="max-sm:hidden"><Severity of={whale.severity} /></span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
