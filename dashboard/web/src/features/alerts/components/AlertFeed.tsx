import type { ReactNode } from "react";
import { useAlerts, type Alert } from "@/features/alerts/api/alerts";
import { Exchange, Select, Severity } from "@/shared/components/controls";
import { Panel } from "@/shared/components/Panel";
import { clockTime, date, words } from "@/shared/format";
import { useView } from "@/shared/url";

const TYPES = [
  { value: "", label: "All types" },
  { value: "volume_spike", label: "Volume" },
  { value: "whale", label: "Whales" },
  { value: "spread", label: "Spread" },
];
const SEVERITIES = [{ value: "", label: "Any severity" }, ...["critical", "high", "medium", "low"].map((value) => ({ value, label: value }))];
const EXCHANGES = [
  { value: "", label: "All exchanges" },
  { value: "binance", label: "Binance" },
  { value: "coinbase", label: "Coinbase" },
];

/** What was found, newest first; a line opens the alert's evidence. */
export function AlertFeed({ symbol, height }: { symbol: string; height: string }): ReactNode {
  const { view, change, link } = useView();
  const filter = {
    type: (view.type || undefined) as "whale" | undefined,
    severity: (view.severity || undefined) as "low" | undefined,
    exchange: view.exchange || undefined,
    symbol: view.only ? symbol : undefined,
  };
  const asked = useAlerts(filter as object);
  const filtered = Boolean(view.type || view.severity || view.exchange || view.only);
  return (
    <Panel
      title="Alerts"
      asked={asked}
      height={height}
      empty={(data) => (data.pages.some((page) => page.count) || asked.hasNextPage ? null : filtered ? "No alert of the last 24 hours matches these filters." : "No alerts in the last 24 hours of the stream.")}
      actions={
        <>
          <Select label="Type of alert" value={view.type} options={TYPES} onChange={(type) => change({ type })} />
          <Select label="Severity" value={view.severity} options={SEVERITIES} onChange={(severity) => change({ severity })} />
          <Select label="Exchange" value={view.exchange} options={EXCHANGES} onChange={(exchange) => change({ exchange })} />
          <Select
            label="Symbols of alerts and whales"
            value={view.only}
            options={[{ value: "", label: "All symbols" }, { value: "symbol", label: symbol || "This symbol" }]}
            onChange={(only) => change({ only })}
          />
        </>
      }
    >
      {(data) => (
        <>
          <ol className="divide-y divide-line">
            {data.pages.flatMap((page) => page.alerts).map((alert) => (
              <li key={alert.alert_id}>
                <Line alert={alert} href={link({ alert: alert.alert_id })} open={view.alert === alert.alert_id} onOpen={() => change({ alert: alert.alert_id })} />
              </li>
            ))}
          </ol>
          {asked.hasNextPage && (
            <button type="button" disabled={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()} className="w-full border-t border-line py-2 text-muted hover:text-text">
              {asked.isFetchingNextPage ? "Loading older alerts…" : "Older alerts"}
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

function Line({ alert, href, open, onOpen }: { alert: Alert; href: string; open: boolean; onOpen: () => void }): ReactNode {
  return (
    <a
      href={href}
      aria-current={open || undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onOpen();
      }}
      className="grid grid-cols-[4.75rem_1fr_auto] items-baseline gap-x-2 px-3 py-1.5 hover:bg-raised aria-[current]:bg-raised"
    >
      <Severity of={alert.severity} />
      <span className="min-w-0">
        <span className="block">{alert.message}</span>
        <span className="flex flex-wrap gap-x-2 text-2xs text-muted">
          <span>{words(alert.rule.replace(".", " · "))}</span>
          {alert.type !== "spread" && <Exchange of={alert.exchange} />}
          {!alert.final && <span className="text-warn">early, not complete yet</span>}
        </span>
      </span>
      <time dateTime={alert.detected_at} title={`${date(alert.detected_at)} ${alert.detected_at}`} className="text-2xs text-muted">{clockTime(alert.detected_at)}</time>
    </a>
  );
}
