/**
 * uPlot asks for the numbers of `navigator.language` when it is loaded, and throws where a browser names none that exists:
 * Chromium "en-US@posix", WebKitGTK "C", both under LANG=C. To be imported before it.
 */

/** A language that Intl takes: the browser's, or English. */
export const LANGUAGE: string = settled();

function settled(): string {
  try {
    return new Intl.NumberFormat(navigator.language).resolvedOptions().locale;
  } catch {
    Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
    return "en-US";
  }
}
