import { useEffect, type ReactNode } from "react";
import { Header } from "@/app/Header";
import { useAlerts, type Alert } from "@/features/alerts/api/alerts";
import { AlertDetail } from "@/features/alerts/components/AlertDetail";
import { AlertFeed } from "@/features/alerts/components/AlertFeed";
import { GapPanel } from "@/features/gaps/components/GapPanel";
import { useHealth } from "@/features/health/api/health";
import { HealthPanel } from "@/features/health/components/HealthPanel";
import { QualityPanel } from "@/features/quality/components/QualityPanel";
import { useSession } from "@/features/session/api/session";
import { SymbolStrip } from "@/features/session/components/SymbolStrip";
import { SpreadPanel } from "@/features/spread/components/SpreadPanel";
import { VolumePanel } from "@/features/volume/components/VolumePanel";
import { WhaleLog } from "@/features/whales/components/WhaleLog";
import { usePolling } from "@/shared/polling";
import { useView, windowOf } from "@/shared/url";

const DISCLAIMER = "For educational and analytical purposes only. Not financial advice.";

/** The whole page. */
export function App(): ReactNode {
  const { view, change } = useView();
  const { setPollS } = usePolling();
  const session = useSession();
  const health = useHealth();
  const pollS = session.data?.poll_s;
  useEffect(() => {
    if (pollS) setPollS(pollS);
  }, [pollS, setPollS]);
  const symbols = session.data?.symbols ?? [];
  const symbol = symbols.includes(view.symbol) ? view.symbol : (symbols[0] ?? "");
  const span = windowOf(view, session.data?.clock ?? null);
  const known = symbol !== "" && span !== null;
  const spikes = useAlerts({ symbol, type: "volume_spike", ...span }, 200, known);
  const apart = useAlerts({ symbol, type: "spread", ...span }, 200, known);
  const charts = {
    symbol,
    span,
    session: session.data,
    at: view.at ? Date.parse(view.at) : null,
    onOpen: (alert: string) => change({ alert }),
    blocked: session.data === undefined && session.error ? { error: session.error, refetch: session.refetch } : null,
  };
  return (
    <div className="flex min-h-dvh flex-col">
      <Header session={session.data} health={health.data} reachable={!session.error} />
      <main className="mx-auto w-full max-w-[120rem] flex-1 space-y-2 p-2 lg:space-y-3 lg:p-3">
        <SymbolStrip chosen={symbol} onChoose={(chosen) => change({ symbol: chosen })} />
        <div className="grid grid-cols-1 gap-2 lg:grid-cols-[minmax(0,1fr)_25rem] lg:gap-3 2xl:grid-cols-[minmax(0,1fr)_30rem]">
          <div className="contents lg:flex lg:min-w-0 lg:flex-col lg:gap-3">
            <VolumePanel {...charts} alerts={alertsOf(spikes)} height="h-84" />
            <SpreadPanel {...charts} alerts={alertsOf(apart)} height="h-52" />
            <WhaleLog symbol={symbol} height="h-72" />
          </div>
          <div className="contents lg:flex lg:min-w-0 lg:flex-col lg:gap-3">
            <div className="max-lg:order-first"><AlertFeed symbol={symbol} height="h-72 lg:h-[31.5rem]" /></div>
            <HealthPanel height="h-80 lg:h-auto lg:min-h-60 lg:grow lg:basis-px" className="lg:flex-1" />
          </div>
        </div>
        <GapPanel {...charts} height="h-64 lg:h-48" />
        <QualityPanel height="h-80 lg:h-72" />
      </main>
      <footer className="sticky bottom-0 border-t border-line bg-surface px-3 py-1.5 text-center text-2xs text-muted lg:px-4">
        {session.data?.disclaimer ?? DISCLAIMER}
      </footer>
      <AlertDetail />
    </div>
  );
}

function alertsOf({ data }: ReturnType<typeof useAlerts>): Alert[] {
  return data?.pages.flatMap((page) => page.alerts) ?? [];
}
