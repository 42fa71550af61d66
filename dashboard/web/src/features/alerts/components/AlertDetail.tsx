import { lazy, Suspense, useEffect, useRef, type ReactNode } from "react";
import { useEvidence, type Evidence } from "@/features/alerts/api/alert";
import { TradeTable } from "@/features/alerts/components/TradeTable";
import { facts, type Fact } from "@/features/alerts/facts";
import { Severity } from "@/shared/components/controls";
import { Panel } from "@/shared/components/Panel";
import { clockTime, date } from "@/shared/format";
import { useView } from "@/shared/url";

const EvidenceChart = lazy(() => import("@/features/alerts/components/EvidenceChart"));

/** An alert and why it fired, in a dialog over the page; the URL says which. */
export function AlertDetail(): ReactNode {
  const { view, change } = useView();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (view.alert && element && !element.open) element.showModal();
    if (!view.alert && element?.open) element.close();
  }, [view.alert]);
  return (
    <dialog
      ref={dialog}
      aria-label="Alert"
      onClose={() => view.alert && change({ alert: "" })}
      onClick={(event) => event.target === event.currentTarget && change({ alert: "" })}
      className="m-0 ml-auto h-dvh max-h-none w-full max-w-2xl bg-page p-0 text-text backdrop:bg-black/40 open:flex open:flex-col"
    >
      {view.alert && <Body id={view.alert} />}
    </dialog>
  );
}

function Body({ id }: { id: string }): ReactNode {
  const { change } = useView();
  const asked = useEvidence(id);
  return (
    <Panel
      title="Why this alert fired"
      asked={asked}
      empty={() => null}
      height="min-h-0 flex-1"
      className="min-h-0 flex-1 rounded-none border-y-0 border-r-0"
      actions={
        <button type="button" autoFocus onClick={() => change({ alert: "" })} className="rounded border border-line bg-raised px-2 py-0.5 hover:border-muted">
          Close
        </button>
      }
    >
      {(evidence) => <Content evidence={evidence} />}
    </Panel>
  );
}

function Content({ evidence }: { evidence: Evidence }): ReactNode {
  const { link, change } = useView();
  const { alert } = evidence;
  const there = { alert: "", symbol: alert.symbol, range: "1h" as const, at: alert.window_start ?? alert.event_time };
  return (
    <div className="space-y-4 p-4">
      <div>
        <div className="flex flex-wrap items-center gap-x-3"><Severity of={alert.severity} /><span className="text-2xs text-muted">{alert.rule}{alert.final ? "" : " · early, not complete yet"}</span></div>
        <p className="text-base font-semibold">{alert.message}</p>
        <p className="text-muted">Detected <time dateTime={alert.detected_at} title={alert.detected_at}>{date(alert.detected_at)}, {clockTime(alert.detected_at)} UTC</time> by the stream's clock.</p>
        <a
          href={link(there)}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            change(there);
          }}
          className="mt-2 inline-block rounded border border-accent px-2.5 py-1 font-medium text-accent hover:bg-raised"
        >
          Show {alert.symbol} at that moment
        </a>
      </div>
      <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-3">
        {facts(alert).map((fact) => <FactBox key={fact.name} fact={fact} />)}
      </dl>
      {(evidence.bars.length > 0 || evidence.spreads.length > 0) && (
        <div className="h-44 rounded-lg border border-line bg-surface p-2">
          <Suspense fallback={null}><EvidenceChart evidence={evidence} /></Suspense>
        </div>
      )}
      <TradeTable evidence={evidence} />
      <p className="font-mono text-2xs break-all text-muted">alert {alert.alert_id} · revision {alert.revision}{alert.shard && ` · ${alert.shard} · ${alert.sequence_number} · line ${alert.position}`}</p>
    </div>
  );
}

function FactBox({ fact }: { fact: Fact }): ReactNode {
  return (
    <div className="bg-surface px-3 py-2">
      <dt className="text-2xs text-muted">{fact.name}</dt>
      <dd className="font-semibold" title={fact.exact}>{fact.shown}</dd>
      {fact.why && <dd className="text-2xs text-muted">{fact.why}</dd>}
    </div>
  );
}
