/** Tokens as words: a strip for each layer, and the words that the chosen layer reads. */
import { useEffect, useRef } from "preact/hooks";
import { palette } from "../charts/palette.ts";
import type { Example } from "../example.ts";
import type { LayerTokens } from "../retained.ts";
import { scheme } from "../theme.ts";
import { type ShownProps, sizeWords } from "./layers.ts";
import { Slider } from "./Slider.tsx";

interface WordsProps extends ShownProps {
  readonly example: Extract<Example, { kind: "words" }>;
  readonly layer: number;
  readonly onLayer: (layer: number) => void;
}

export function LayerWords({ example, layers, layer, onLayer, token, onToken, S, color }: WordsProps) {
  const shown = Math.min(layer, layers.length - 1);
  const counts = layers[shown]?.counts ?? null;
  return (
    <>
      <div class="codes">
        {layers.map((one, l) => (
          <button
            type="button"
            class="code"
            key={String(l)}
            aria-pressed={l === shown}
            onClick={() => onLayer(l)}
          >
            <span>Layer {l}</span>
            <Strip layer={one} S={S} color={color} />
            <span>{sizeWords(one, S)}</span>
          </button>
        ))}
      </div>
      <p class="book">
        {example.words.slice(0, S).map((word, i) => {
          const Tag = counts === null || counts[i] >= 0.5 ? "b" : "span";
          return (
            <Tag
              key={String(i)}
              title={`token ${i}`}
              class={i === token ? "followed" : undefined}
              onClick={() => onToken(i)}
            >
              {word}
              {example.spaced ? " " : ""}
            </Tag>
          );
        })}
      </p>
      <div class="scrub">
        <Slider name="Token" max={S - 1} value={token} onSlide={onToken} />
        <output>
          <b>{token}</b>: {example.words[token]}
        </output>
      </div>
    </>
  );
}

function Strip({ layer, S, color }: { layer: LayerTokens; S: number; color: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const colors = palette();
    context.fillStyle = colors.line;
    context.fillRect(0, 0, S, 1);
    // A layer that sees all tokens is not one that drops some.
    context.fillStyle = layer.counts === null ? colors.dim : colors.color(color);
    for (let i = 0; i < S; i++) {
      context.globalAlpha = layer.counts === null ? 1 : layer.counts[i];
      context.fillRect(i, 0, 1, 1);
    }
    context.globalAlpha = 1;
  }, [layer, S, color, scheme.value]);
  return <canvas ref={canvas} width={S} height={1} />;
}
