import type { ReactNode } from "react";
import { exact } from "@/shared/api/client";

interface Option {
  value: string;
  label: string;
}

/** A few choices side by side. */
export function Segmented({ label, value, options, onChange }: { label: string; value: string; options: Option[]; onChange: (value: string) => void }): ReactNode {
  return (
    <div role="group" aria-label={label} className="flex rounded-md border border-line bg-raised p-0.5">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
          className="rounded px-2 text-2xs leading-5 text-muted hover:text-text aria-pressed:bg-surface aria-pressed:font-semibold aria-pressed:text-text aria-pressed:shadow-sm"
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

export function Select({ label, value, options, onChange }: { label: string; value: string; options: Option[]; onChange: (value: string) => void }): ReactNode {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className={`h-6 rounded-md border bg-raised pl-1.5 text-2xs ${value ? "border-accent text-text" : "border-line text-muted"}`}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value}>{option.label}</option>
      ))}
    </select>
  );
}

/** A number as people read it, all its digits on hover. */
export function Num<T extends object>({ of, field, as }: { of: T; field: keyof T & string; as: (value: number | null | undefined) => string }): ReactNode {
  return <span title={exact(of, field)}>{as(of[field] as number | null | undefined)}</span>;
}

const GLYPHS: Record<string, string> = { low: "○", medium: "◆", high: "▲", critical: "■" };
export const SEVERITY: Record<string, string> = { low: "text-low", medium: "text-medium", high: "text-high", critical: "text-critical" };

/** Shape, word and colour, so that no one of them has to be seen. */
export function Severity({ of, short = false }: { of: string; short?: boolean }): ReactNode {
  return (
    <span className={`inline-flex items-center gap-1 font-medium ${SEVERITY[of] ?? ""}`} title={of}>
      <span aria-hidden="true" className="text-[0.625rem]">{GLYPHS[of] ?? "●"}</span>
      <span className={short ? "sr-only" : "text-2xs"}>{of}</span>
    </span>
  );
}

/** An exchange's colour and name; `short` leaves the name to screen readers on a phone. */
export function Exchange({ of, short = false }: { of: string; short?: boolean }): ReactNode {
  return (
    <span className="inline-flex items-center gap-1.5 capitalize">
      <span aria-hidden="true" className={`size-1.5 rounded-full ${of === "binance" ? "bg-binance" : of === "coinbase" ? "bg-coinbase" : "bg-muted"}`} />
      <span className={short ? "max-sm:sr-only" : ""}>{of}</span>
    </span>
  );
}

export function Side({ of }: { of: string | null }): ReactNode {
  if (!of) return null;
  return (
    <span className={of === "buy" ? "text-good" : "text-bad"}>
      <span aria-hidden="true">{of === "buy" ? "↑" : "↓"} </span>
      {of}
    </span>
  );
}
