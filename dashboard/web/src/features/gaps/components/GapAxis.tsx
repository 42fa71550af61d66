import type { ReactNode } from "react";
import type { Space } from "@/features/gaps/api/gaps";
import { marksOf, newestOf, stateOf, STATES } from "@/features/gaps/states";
import { Exchange } from "@/shared/components/controls";
import { ticks } from "@/shared/components/marks";
import { count, hourMinute } from "@/shared/format";

/** One lane a market over the charts' time: a mark for everything that was not simply received, and where its newest trade is. */
export function GapAxis({ spaces, since, until }: { spaces: Space[]; since: number; until: number }): ReactNode {
  return (
    <div className="min-w-0 space-y-3">
      {spaces.map((space) => (
        <div key={`${space.exchange}${space.kind}`}>
          <p className="flex flex-wrap items-center gap-x-3 text-2xs">
            <span className="font-medium"><Exchange of={space.exchange} /></span>
            <span className="text-muted">{space.native_symbol} {space.kind}</span>
            <span className="ml-auto flex flex-wrap gap-x-3">
              {Object.keys(STATES).filter((name) => name === "received" || (space.ids[name] ?? 0) > 0).map((name) => (
                <span key={name} className={stateOf(name).text} title={stateOf(name).means}><span aria-hidden="true">{stateOf(name).glyph} </span>{count(space.ids[name] ?? 0)} {stateOf(name).word}</span>
              ))}
            </span>
          </p>
          <Lane space={space} since={since} until={until} />
        </div>
      ))}
      <div aria-hidden="true" className="relative h-4 text-2xs text-muted">
        {ticks(since, until).filter((at) => at - since > 0.03 * (until - since) && until - at > 0.03 * (until - since)).map((at) => (
          <span key={at} className="absolute -translate-x-1/2" style={{ left: `${(100 * (at - since)) / (until - since)}%` }}>{hourMinute(at)}</span>
        ))}
      </div>
    </div>
  );
}

function Lane({ space, since, until }: { space: Space; since: number; until: number }): ReactNode {
  const marks = marksOf(space, since, until);
  const newest = newestOf(space, since, until);
  const label = `${space.exchange}, ${hourMinute(since)} to ${hourMinute(until)} UTC: ${marks.length === 0 ? "nothing but received trades" : marks.map((mark) => stateOf(mark.state).word).join(", ")}`;
  return (
    <div role="img" aria-label={label} className="relative mt-1 h-6 rounded bg-raised">
      {newest !== null && <span title={`newest trade: ${space.newest_at}`} className="absolute top-0 h-full w-px bg-muted" style={{ left: `min(${newest}%, calc(100% - 1px))` }} />}
      {marks.map((mark) => (
        <span
          key={mark.key}
          title={mark.title}
          data-gap={mark.state}
          className={`absolute top-1 h-4 min-w-2 ${stateOf(mark.state).mark}`}
          style={{ left: `min(${mark.left}%, calc(100% - 0.5rem))`, width: `${mark.width}%` }}
        />
      ))}
    </div>
  );
}
