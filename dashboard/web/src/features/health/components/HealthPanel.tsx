import { useEffect, useRef, useState, type ReactNode } from "react";
import { useHealth, type Health } from "@/features/health/api/health";
import { Panel } from "@/shared/components/Panel";
import { count, exchangeName, seconds } from "@/shared/format";

const WORDS: Record<Health["pipeline"], [string, string]> = {
  running: ["Running", "text-good"],
  starting: ["Starting", "text-muted"],
  ended: ["Ended", "text-muted"],
  unknown: ["Not known", "text-muted"],
  stalled: ["Stalled", "text-bad"],
  dead: ["Down", "text-bad"],
};

/** Whether the pipeline runs, how far behind it is, and how much it has taken in. */
export function HealthPanel({ height, className = "" }: { height: string; className?: string }): ReactNode {
  const asked = useHealth();
  return (
    <Panel title="System health" asked={asked} height={height} className={className} empty={(data) => (isNothing(data) ? "No process of this session has said anything yet." : null)}>
      {(health) => <Content health={health} />}
    </Panel>
  );
}

function isNothing(health: Health): boolean {
  return health.pipeline === "unknown" && Object.keys(health.services).length === 0 && health.stream_clock === null;
}

function Content({ health }: { health: Health }): ReactNode {
  const [word, color] = WORDS[health.pipeline];
  const rate = useRate(health);
  const shards = Object.entries(health.shards);
  return (
    <div className="space-y-3 p-3">
      <div className="grid grid-cols-3 gap-2">
        <Figure name="Pipeline" value={word} className={color} />
        <Figure name="Records" value={count(health.queries["lake"]?.trades ?? health.queries["detect"]?.trades)} title="Trades that went into the lake" />
        <Figure name="Per second" value={rate === null ? "–" : count(rate)} title="Trades, since the answer before" />
      </div>
      {health.reasons.length > 0 && <ul className="rounded bg-warn-bg px-2 py-1 text-warn">{health.reasons.map((reason) => <li key={reason}>{reason}</li>)}</ul>}
      {health.quiet.length > 0 && health.pipeline === "running" && (
        <p className="text-muted">Quiet market: no trades on {health.quiet.map(exchangeName).join(" and ")} for a minute and more. The pipeline is well.</p>
      )}
      <Rows
        caption="Spark queries"
        head={["Query", "State", "Batch", "Lag", "Last batch"]}
        rows={Object.entries(health.queries).map(([name, query]) => [
          name,
          query.trouble ?? (health.pipeline === "ended" ? "ended" : (query.state ?? "–")),
          count(query.batch),
          seconds(query.lag_s),
          health.pipeline === "ended" ? "–" : seconds(query.batch_age_s),
        ])}
        none="No query has started."
      />
      <Rows
        caption="Stream lag"
        head={["Shard", "Query", "Oldest waiting"]}
        rows={shards.flatMap(([shard, queries]) => Object.entries(queries).map(([query, lag]) => [shard.replace(/^\D*0*(?=\d)/, ""), query, lag ? seconds(lag) : "none"]))}
        none={`Not measured: ${health.shards_absent ?? "no shards"}.`}
      />
      <Rows
        caption="Newest trade, by the stream's clock"
        head={["Exchange", "Age"]}
        rows={Object.entries(health.newest_trade_age_s).map(([name, age]) => [exchangeName(name), seconds(age)])}
        none="No trades yet."
      />
      <Rows
        caption="Processes"
        head={["Process", "State", "Last word"]}
        rows={Object.entries(health.services).map(([name, service]) => [name, health.pipeline === "ended" ? "ended" : (service.state ?? "running"), `${seconds(service.age_s)} ago`])}
        none="No process publishes here."
      />
      <p className="text-2xs text-muted">{Object.entries(health.versions).map(([name, version]) => `${name} ${version}`).join(" · ")}</p>
    </div>
  );
}

function Figure({ name, value, className = "", title }: { name: string; value: string; className?: string; title?: string }): ReactNode {
  return (
    <div className="rounded-md bg-raised px-2 py-1.5" title={title}>
      <p className="text-2xs text-muted">{name}</p>
      <p className={`text-sm font-semibold ${className}`}>{value}</p>
    </div>
  );
}

function Rows({ caption, head, rows, none }: { caption: string; head: string[]; rows: string[][]; none: string }): ReactNode {
  return (
    <table className="w-full text-left">
      <caption className="pb-0.5 text-left text-2xs font-semibold">{caption}</caption>
      {rows.length > 0 && (
        <thead>
          <tr className="text-2xs text-muted">{head.map((name, column) => <th key={name} scope="col" className={column > 1 ? "text-right" : ""}>{name}</th>)}</tr>
        </thead>
      )}
      <tbody>
        {rows.length === 0 && <tr><td className="text-muted">{none}</td></tr>}
        {rows.map((row) => (
          <tr key={row.join("|")} className="border-t border-line">
            {row.map((cell, column) => <td key={head[column]} className={`max-w-40 truncate py-0.5 ${column > 1 ? "text-right" : ""}`} title={cell}>{cell}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Trades a second between the last two answers that differ; null before there were two. */
function useRate(health: Health): number | null {
  const before = useRef<{ at: number; trades: number } | null>(null);
  const [rate, setRate] = useState<number | null>(null);
  const at = Date.parse(health.checked_at);
  const trades = health.queries["detect"]?.trades ?? null;
  useEffect(() => {
    const last = before.current;
    if (trades === null || (last && at <= last.at)) return;
    if (last && trades >= last.trades) setRate(((trades - last.trades) * 1000) / (at - last.at));
    before.current = { at, trades };
  }, [at, trades]);
  return rate;
}
