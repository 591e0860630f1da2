/** Light, dark, or as the system says. */
import { computed, effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

export const theme = signal<Theme>("system");

const dark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(dark.matches);
dark.addEventListener("change", () => (systemIsDark.value = dark.matches));

effect(() => {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

/** The colours in force: what is drawn on a canvas is drawn anew when they change. */
export const scheme = computed(() => {
  const isDark = theme.value === "system" ? systemIsDark.value : theme.value === "dark";
  return isDark ? "dark" : "light";
});

/** The next of the three. */
export function nextTheme(): void {
  const order: readonly Theme[] = ["system", "light", "dark"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
}
