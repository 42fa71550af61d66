// Numbers and moments as people read them; the exact ones are shown on hover.
const UTC = "UTC";
const time = new Intl.DateTimeFormat("en-GB", { timeZone: UTC, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortTime = new Intl.DateTimeFormat("en-GB", { timeZone: UTC, hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { timeZone: UTC, day: "2-digit", month: "short", year: "numeric" });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const NONE = "–";
type Maybe<T> = T | null | undefined;

export const clockTime = (moment: Maybe<string | number>): string => (moment ? time.format(new Date(moment)) : NONE);
export const hourMinute = (moment: string | number): string => shortTime.format(new Date(moment));
export const date = (moment: Maybe<string | number>): string => (moment ? day.format(new Date(moment)) : NONE);
export const count = (value: Maybe<number>): string => (value === null || value === undefined ? NONE : whole.format(value));
export const amount = (value: Maybe<number>): string => (value === null || value === undefined ? NONE : compact.format(value));
export const money = (value: Maybe<number>): string => (value === null || value === undefined ? NONE : `$${compact.format(value)}`);
export const score = (value: Maybe<number>): string => (value === null || value === undefined ? NONE : value.toFixed(2));

export function percent(value: Maybe<number>, digits = 3): string {
  if (value === null || value === undefined) return NONE;
  return `${value > 0 ? "+" : ""}${value.toFixed(digits).replace("-", "−")}%`;
}

/** A price with the digits that matter at its size. */
export function price(value: Maybe<number>): string {
  if (value === null || value === undefined) return NONE;
  const digits = value >= 1000 ? 2 : value >= 10 ? 3 : 4;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function seconds(value: Maybe<number>): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0 s";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 90) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

export const words = (name: string): string => name.replaceAll("_", " ");
export const exchangeName = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
