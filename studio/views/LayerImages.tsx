/** An image cut into a square of tokens, once a layer: what goes through it is marked. */
import { useEffect, useRef } from "preact/hooks";
import { palette } from "../charts/palette.ts";
import type { Example } from "../example.ts";
import type { LayerTokens } from "../retained.ts";
import { scheme } from "../theme.ts";
import { type ShownProps, sizeWords } from "./layers.ts";

export function LayerImages({
  example,
  layers,
  token,
  onToken,
  S,
  color,
}: ShownProps & { example: Extract<Example, { kind: "image" }> }) {
  const side = Math.sqrt(S);
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -side, ArrowDown: side }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    onToken(Math.max(0, Math.min(S - 1, token + move)));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: not a part of a form
    <div
      class="strip"
      style={{ "--layers": layers.length }}
      tabIndex={0}
      role="group"
      aria-label="Layers. Arrow keys move the outlined token."
      onKeyDown={onKeyDown}
    >
      {layers.map((one, l) => (
        <div class="lay" key={String(l)}>
          <h3>
            Layer {l} <small>{sizeWords(one, S)}</small>
          </h3>
          <LayerImage
            example={example}
            layer={one}
            token={token}
            side={side}
            color={color}
            onToken={onToken}
          />
        </div>
      ))}
    </div>
  );
}

interface LayerImageProps {
  readonly example: Extract<Example, { kind: "image" }>;
  readonly layer: LayerTokens;
  readonly token: number;
  readonly side: number;
  readonly color: string;
  readonly onToken: (token: number) => void;
}

/** Canvas pixels across a token. */
const CELL = 10;

function LayerImage({ example, layer, token, side, color, onToken }: LayerImageProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const colors = palette();
    const size = side * CELL;
    context.fillStyle = colors.panel;
    context.fillRect(0, 0, size, size);
    const { pixels, width } = example;
    const each = size / width;
    for (let y = 0; y < width; y++) {
      for (let x = 0; x < width; x++) {
        const cell = Math.floor((y * side) / width) * side + Math.floor((x * side) / width);
        const seen = layer.counts === null ? 1 : layer.counts[cell];
        context.globalAlpha = (pixels[y * width + x] / 255) * (0.12 + 0.88 * seen);
        context.fillStyle = colors.ink;
        context.fillRect(x * each, y * each, each, each);
      }
    }
    if (layer.counts !== null) {
      context.fillStyle = colors.color(color);
      for (let cell = 0; cell < side * side; cell++) {
        context.globalAlpha = 0.28 * layer.counts[cell];
        context.fillRect((cell % side) * CELL, Math.floor(cell / side) * CELL, CELL, CELL);
      }
    }
    context.globalAlpha = 1;
    context.strokeStyle = colors.color("--full");
    context.lineWidth = 2;
    context.strokeRect((token % side) * CELL + 1, Math.floor(token / side) * CELL + 1, CELL - 2, CELL - 2);
  }, [example, layer, token, side, color, scheme.value]);
  const onClick = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const at = (offset: number, length: number) =>
      Math.max(0, Math.min(side - 1, Math.floor((offset / length) * side)));
    onToken(at(event.clientY - box.top, box.height) * side + at(event.clientX - box.left, box.width));
  };
  return <canvas ref={canvas} width={side * CELL} height={side * CELL} onClick={onClick} />;
}
