import { lazy, Suspense, type ReactNode } from "react";
import { useQuality, type Quality } from "@/features/quality/api/quality";
import { Panel } from "@/shared/components/Panel";
import { clockTime, count } from "@/shared/format";

const QualityChart = lazy(() => import("@/features/quality/components/QualityChart"));

/** How much of what came in passed the rules, what did not and why. */
export function QualityPanel({ height }: { height: string }): ReactNode {
  const asked = useQuality();
  return (
    <Panel<Quality | null>
      title="Data quality"
      asked={asked}
      height={asked.data ? height : "h-20"}
      empty={(data) => (data === null ? "Absent: this API has no data quality to tell." : data.series.length ? null : "No records have been judged yet.")}
    >
      {(data) => data && <Content quality={data} />}
    </Panel>
  );
}

function Content({ quality }: { quality: Quality }): ReactNode {
  const rules = quality.rules.filter((rule) => rule.records > 0).sort((a, b) => b.records - a.records);
  const most = Math.max(1, ...rules.map((rule) => rule.records));
  return (
    <div className="grid gap-4 p-3 lg:grid-cols-[10rem_1fr_1fr]">
      <Gauge quality={quality} />
      <figure className="flex h-44 min-w-0 flex-col" aria-label="Records passed and failed over the last day">
        <figcaption className="text-2xs text-muted">Passed and failed, ten minutes each</figcaption>
        <div className="min-h-0 flex-1"><Suspense fallback={null}><QualityChart series={quality.series} /></Suspense></div>
      </figure>
      <div className="min-w-0">
        <h3 className="text-2xs text-muted">Why records failed or were flagged</h3>
        {rules.length === 0 && <p className="pt-2 text-muted">Nothing broke a rule.</p>}
        <ul className="space-y-1 pt-1">
          {rules.map((rule) => (
            <li key={rule.rule} title={`Holds when ${rule.holds_when}`}>
              <span className="flex justify-between gap-2"><span>{rule.rule} <span className="text-2xs text-muted">{rule.action}</span></span><span>{count(rule.records)}</span></span>
              <span aria-hidden="true" className="block h-1 rounded bg-high" style={{ width: `${(100 * rule.records) / most}%` }} />
            </li>
          ))}
        </ul>
      </div>
      <div className="min-w-0 lg:col-span-3">
        <h3 className="pb-1 text-2xs text-muted">Newest dead letters</h3>
        {quality.samples.length === 0 ? <p className="text-muted">None.</p> : (
          <ul className="divide-y divide-line border-y border-line">
            {quality.samples.slice(0, 12).map((sample) => (
              <li key={sample.id} className="grid gap-x-3 py-1 sm:grid-cols-[5rem_6rem_14rem_1fr]">
                <time dateTime={sample.arrived_at} className="text-muted">{clockTime(sample.arrived_at)}</time>
                <span>{sample.category}</span>
                <span className="truncate" title={sample.reasons.join("; ")}>{sample.reasons.join("; ")}</span>
                <code className="truncate font-mono text-2xs text-muted" title={sample.raw}>{sample.raw}</code>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function Gauge({ quality }: { quality: Quality }): ReactNode {
  const score = quality.current?.score ?? quality.total?.score ?? null;
  const good = score !== null && score >= quality.target;
  const turn = score === null ? 0 : Math.max(0, Math.min(1, score / 100));
  return (
    <div role="meter" aria-label="Quality score" aria-valuemin={0} aria-valuemax={100} aria-valuenow={score ?? 0} className="text-center">
      <svg viewBox="0 0 100 58" className="mx-auto w-36" aria-hidden="true">
        <path d="M8 52a42 42 0 0 1 84 0" fill="none" stroke="var(--line)" strokeWidth="9" />
        <path d="M8 52a42 42 0 0 1 84 0" fill="none" stroke={good ? "var(--good)" : "var(--bad)"} strokeWidth="9" pathLength="1" strokeDasharray={`${turn} 1`} />
      </svg>
      <p className="-mt-6 text-lg font-semibold" title={score === null ? "" : String(score)}>{score === null ? "–" : `${score.toFixed(2)}%`}</p>
      <p className="text-2xs text-muted">target above {quality.target}%, alarm below {quality.alarm_below}%</p>
    </div>
  );
}
