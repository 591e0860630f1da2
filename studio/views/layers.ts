/** What both ways of showing layers share. */
import type { LayerTokens } from "../retained.ts";

export interface ShownProps {
  readonly layers: readonly LayerTokens[];
  readonly token: number;
  readonly onToken: (token: number) => void;
  readonly S: number;
  /** The custom property that holds the run's colour. */
  readonly color: string;
}

export const sizeWords = ({ counts, retained }: LayerTokens, S: number) =>
  counts === null ? `all ${S}` : `${retained} of ${S}`;
