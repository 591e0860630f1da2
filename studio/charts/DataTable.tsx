/** A chart's figures as rows: twelve places, spread over what there is. */
import { useState } from "preact/hooks";
import { type Figure, inFigures, valueAt } from "./figure.ts";

export function DataTable({ figure }: { figure: Figure }) {
  const [open, setOpen] = useState(false);
  const lines = figure.lines.filter((line) => !line.faint);
  const reach = Math.max(0, ...lines.map((line) => (line.x.length > 0 ? line.x[line.x.length - 1] : 0)));
  const rows = open ? Array.from({ length: 12 }, (_, i) => (reach * (i + 1)) / 12) : [];
  return (
    <details class="data" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      <table>
        <caption class="sr">{figure.title}</caption>
        <thead>
          <tr>
            <th scope="col">{figure.xName}</th>
            {lines.map((line) => (
              <th scope="col" key={line.name}>
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((x) => (
            <tr key={x}>
              <th scope="row">{inFigures(x)}</th>
              {lines.map((line) => (
                <td key={line.name}>{inFigures(valueAt(line, x) ?? Number.NaN)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
