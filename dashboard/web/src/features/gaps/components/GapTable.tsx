import type { ReactNode } from "react";
import type { Gaps } from "@/features/gaps/api/gaps";
import { rowsOf, sizeOf, stateOf } from "@/features/gaps/states";
import { Exchange } from "@/shared/components/controls";
import { clockTime, count } from "@/shared/format";

const HEAD = "px-2 py-1 text-2xs font-medium text-muted first:pl-0 last:pr-0";

/** The same as a table, with every id: the newest hundred of each market that were not simply received. */
export function GapTable({ gaps }: { gaps: Gaps }): ReactNode {
  const rows = rowsOf(gaps);
  if (rows.length === 0) return <p className="text-muted">Every id was simply received.</p>;
  return (
    <div className="min-w-0 overflow-x-auto">
      <table className="w-full border-collapse">
        <caption className="sr-only">Ranges of trade ids that were not simply received, newest first</caption>
        <thead>
          <tr className="text-left">
            <th scope="col" className={HEAD}>State</th>
            <th scope="col" className={HEAD}>Exchange</th>
            <th scope="col" className={HEAD}>From</th>
            <th scope="col" className={`${HEAD} max-sm:hidden`}>To</th>
            <th scope="col" className={`${HEAD} text-right`}>Ids</th>
            <th scope="col" className={`${HEAD} max-sm:hidden`}>First and last</th>
            <th scope="col" className={`${HEAD} text-right max-sm:hidden`}>Came after all</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, space, span }) => (
            <tr key={key} className="border-t border-line [&>td]:px-2 [&>td]:py-1 [&>td:first-child]:pl-0 [&>td:last-child]:pr-0">
              <td className={`whitespace-nowrap ${stateOf(span.state).text}`} title={stateOf(span.state).means}>
                <span aria-hidden="true">{stateOf(span.state).glyph} </span>{stateOf(span.state).word}
              </td>
              <td><Exchange of={space.exchange} short /></td>
              <td><time dateTime={span.started_at} title={span.started_at}>{clockTime(span.started_at)}</time></td>
              <td className="max-sm:hidden"><time dateTime={span.ended_at} title={span.ended_at}>{clockTime(span.ended_at)}</time></td>
              <td className="text-right">{sizeOf(span)}</td>
              <td className="whitespace-nowrap text-muted max-sm:hidden">{span.first_id} – {span.last_id}</td>
              <td className="text-right max-sm:hidden">{["lost", "natural"].includes(span.state) ? count(span.trades) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
