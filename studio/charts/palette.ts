/** The colours in force on the page, for what is drawn on a canvas or saved as a picture. */

/** What text and grid look like, and the colour of a custom property. */
export interface Palette {
  readonly ink: string;
  readonly dim: string;
  readonly line: string;
  readonly panel: string;
  readonly color: (property: string) => string;
}

/** The colours in force on the page. */
export function palette(root: HTMLElement = document.documentElement): Palette {
  const probe = document.createElement("i");
  root.append(probe);
  const color = (property: string) => {
    probe.style.color = `var(${property})`;
    return getComputedStyle(probe).color;
  };
  const [ink, dim, line, panel] = ["--ink", "--dim", "--line", "--panel"].map(color);
  const found = new Map<string, string>();
  for (const name of ["--full", "--ltd", "--route", "--shallow", "--ink"]) found.set(name, color(name));
  probe.remove();
  return { ink, dim, line, panel, color: (property) => found.get(property) ?? ink };
}
