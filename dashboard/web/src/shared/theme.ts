import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "ctc-theme";
const CHANGED = "ctc:theme";
const system = (): MediaQueryList => matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme | null {
  const found = localStorage.getItem(KEY);
  return found === "light" || found === "dark" ? found : null;
}

function current(): Theme {
  return stored() ?? (system().matches ? "dark" : "light");
}

function subscribe(listener: () => void): () => void {
  const media = system();
  media.addEventListener("change", listener);
  addEventListener(CHANGED, listener);
  return () => {
    media.removeEventListener("change", listener);
    removeEventListener(CHANGED, listener);
  };
}

/** The machine's theme, until people choose one. */
export function useTheme(): [Theme, () => void] {
  const theme = useSyncExternalStore(subscribe, current);
  document.documentElement.dataset["theme"] = theme;
  return [
    theme,
    () => {
      localStorage.setItem(KEY, theme === "dark" ? "light" : "dark");
      dispatchEvent(new Event(CHANGED));
    },
  ];
}
