/** What the models can do now: their answers to examples that no run has trained on. */
import { useEffect, useRef } from "preact/hooks";
import { palette } from "../charts/palette.ts";
import * as session from "../session.ts";
import { scheme } from "../theme.ts";
import { laneName } from "../words.ts";

export function Can() {
  const { samples, settings } = session;
  const { task } = settings.value;
  const given = samples.value;
  return (
    <section class="panel" id="can" aria-labelledby="h-can">
      <div class="head">
        <h2 id="h-can">What they can do now</h2>
        <p class="state">on examples that no run has trained on</p>
      </div>
      {given.length === 0 ? (
        <p class="cap">
          {settings.value.steps > 0
            ? "Their answers come at the end."
            : "Their first answers come with the first check."}
        </p>
      ) : task === "text" ? (
        <div class="gen">
          {given.map(({ lane, says, shown }) => (
            <div key={lane}>
              <h3 class={`c-${lane}`}>{laneName(lane, settings.value)}</h3>
              <p>
                <u>{shown[0]}</u>
                {says[0]}
              </p>
            </div>
          ))}
        </div>
      ) : (
        <section class="wide" tabIndex={0} aria-label="Answers">
          <Answers />
        </section>
      )}
    </section>
  );
}

function Answers() {
  const { samples, settings } = session;
  const first = samples.value[0];
  return (
    <table class="preds">
      <thead>
        <tr>
          <th scope="col">{settings.value.task === "digits" ? "Digit" : "Start, and four hops on"}</th>
          {first.right.map((right, i) => (
            <th scope="col" key={String(i)}>
              {first.images ? (
                <Digit pixels={first.images[i]} right={right} />
              ) : (
                `${first.shown[i]} → ${right}`
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {samples.value.map(({ lane, says, right }) => (
          <tr key={lane}>
            <th scope="row" class={`c-${lane}`}>
              {laneName(lane, settings.value)}
            </th>
            {says.map((said, i) => (
              <td key={String(i)}>
                {said === right[i] ? (
                  <b>{said}</b>
                ) : (
                  <span class="wrong">
                    {said} <span class="sr">wrong</span>
                  </span>
                )}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Digit({ pixels, right }: { pixels: Uint8Array; right: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const side = Math.sqrt(pixels.length);
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const { ink, panel } = palette();
    context.fillStyle = panel;
    context.fillRect(0, 0, side, side);
    context.fillStyle = ink;
    for (let i = 0; i < pixels.length; i++) {
      context.globalAlpha = pixels[i] / 255;
      context.fillRect(i % side, Math.floor(i / side), 1, 1);
    }
    context.globalAlpha = 1;
  }, [pixels, side, scheme.value]);
  return <canvas ref={canvas} width={side} height={side} role="img" aria-label={`a handwritten ${right}`} />;
}
