// Debian's Chromium, or the one that CHROMIUM names: a browser that Playwright would download is not needed.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export const PATHS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch() {
  const executablePath = PATHS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium here: install it (Debian: apt-get install chromium), or name it with CHROMIUM=/path");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}
