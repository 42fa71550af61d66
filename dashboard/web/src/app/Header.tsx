import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore, type ReactNode } from "react";
import type { Health } from "@/features/health/api/health";
import type { Session } from "@/features/session/api/session";
import { Segmented } from "@/shared/components/controls";
import { clockTime, date } from "@/shared/format";
import { usePolling } from "@/shared/polling";
import { useTheme } from "@/shared/theme";
import { RANGES, useView, type Range } from "@/shared/url";

type Badge = [word: string, tone: string, why: string];

/** What is seen, in one word: paused by people, or what the session does. */
export function badge(paused: boolean, reachable: boolean, session: Session | undefined, health: Health | undefined): Badge {
  if (paused) return ["Paused", "bg-warn-bg text-warn", "Nothing is asked for until you go on"];
  if (!reachable) return ["Offline", "bg-warn-bg text-bad", "The API does not answer; what you see is old"];
  if (!session) return ["Connecting", "bg-raised text-muted", ""];
  if (session.ended) return ["Ended", "bg-raised text-muted", "The stream has said its last word"];
  if (health?.pipeline === "dead" || health?.pipeline === "stalled") return ["Stalled", "bg-warn-bg text-bad", health.reasons.join("; ")];
  if (!session.clock) return ["Starting", "bg-raised text-muted", "No heartbeat has come through yet"];
  if (session.market === "recorded") return ["Replay", "bg-raised text-coinbase", "Recorded market data, in its own time"];
  return ["Live", "bg-raised text-good", "Asked for again and again"];
}

/** Title, state, time and what the charts show. */
export function Header({ session, health, reachable }: { session: Session | undefined; health: Health | undefined; reachable: boolean }): ReactNode {
  const { view, change } = useView();
  const { paused, toggle } = usePolling();
  const [theme, switchTheme] = useTheme();
  const updated = useLastUpdate();
  const [word, tone, why] = badge(paused, reachable, session, health);
  const button = "h-7 rounded-md border border-line bg-raised px-2.5 text-2xs font-medium hover:border-muted";
  return (
    <header className="sticky top-0 z-10 flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line bg-surface px-3 py-2 lg:px-4">
      <h1 className="text-sm font-semibold tracking-tight">Coat Tail Capital</h1>
      <span role="status" title={why} className={`min-w-16 rounded px-1.5 py-0.5 text-center text-2xs font-semibold tracking-wide uppercase ${tone}`}>{word}</span>
      {session && session.market !== "live" && (
        <span title="This is not the real market now" className="rounded border border-medium px-1.5 py-px text-2xs font-semibold tracking-wide text-medium uppercase">{session.market}</span>
      )}
      <p className="text-2xs text-muted max-sm:order-1 max-sm:w-full">
        <span className="whitespace-nowrap" title={session?.clock ?? ""}>Stream {session?.clock ? `${date(session.clock)} ${clockTime(session.clock)} UTC` : "–"}</span>
        <span aria-hidden="true"> · </span>
        <span className="whitespace-nowrap">Updated {updated ? `${clockTime(updated)} UTC` : "–"}</span>
      </p>
      <div className="ml-auto flex max-sm:order-2 flex-wrap items-center gap-1.5">
        {view.at && (
          <button type="button" className={`${button} border-accent text-accent`} onClick={() => change({ at: "" })}>At {clockTime(view.at)} · back to now</button>
        )}
        <Segmented label="Range of the charts" value={view.range} options={Object.keys(RANGES).map((value) => ({ value, label: value }))} onChange={(range) => change({ range: range as Range })} />
        <button type="button" className={`${button} min-w-16`} aria-pressed={paused} onClick={toggle}>{paused ? "Go on" : "Pause"}</button>
        <button type="button" className={button} onClick={switchTheme} aria-label={`Switch to the ${theme === "dark" ? "light" : "dark"} theme`}>{theme === "dark" ? "Light" : "Dark"}</button>
      </div>
    </header>
  );
}

/** When the newest answer of all came, in epoch milliseconds; 0 before the first. */
function useLastUpdate(): number {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore(
    (listener) => cache.subscribe(listener),
    () => Math.max(0, ...cache.getAll().map((query) => query.state.dataUpdatedAt)),
  );
}
