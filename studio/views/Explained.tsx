/** How the method works, and what the page's words mean. */

const STEPS = [
  [
    "1. Draw",
    "Before each step a middle layer draws K of the S tokens at random, anew for each example. Seed, step, layer and row alone decide the draw, so the same address draws the same tokens on any machine.",
  ],
  [
    "2. Skip",
    "Only those K tokens go through the layer, in their order. The others skip it unchanged and come back after it. With one route, all the middle layers share one draw.",
  ],
  [
    "3. Return",
    "Near the end of the run all tokens return. Early steps are cheap, since the work of attention grows with the square of the tokens; late steps train the whole model. Held-out loss is always measured with every token.",
  ],
] as const;

const WORDS = [
  [
    "the clock",
    "The run that has used the least time takes the next step, so at any moment all have had the same time. The clock counts training alone: no compiling, no pauses, no held-out checks, no sleep of the machine.",
  ],
  [
    "held out",
    "Examples that no run trains on. The training loss, drawn faintly, is of examples that were just learned from.",
  ],
  [
    "layer-token",
    "One token through one layer: the work that dropping saves. A step with all tokens costs batch × S × layers of them.",
  ],
  [
    "the control",
    "A model with fewer layers and every token. If it wins, depth does not pay yet at this size, and saving work in deep layers proves little. Small models on small data are often like this.",
  ],
  ["one seed", "One race is one draw of luck. Run it with more seeds before you believe a small difference."],
  [
    "arrows",
    "A task made so that depth is needed and tokens repeat. Each example hides a map of four nodes in 127 arrows, and asks where four hops from a start lead. Real tasks lie between this and the next letter of a book.",
  ],
  [
    "FLOPs",
    "Multiplications and additions. Beside the measured milliseconds stands what a step would take if time went by them alone: small steps rarely get as fast as that.",
  ],
  [
    "WebGPU",
    "Where the browser has it, the graphics card trains. Elsewhere one thread of the CPU does, by WebAssembly: slower, and the same bits on every machine.",
  ],
] as const;

export function Explained() {
  return (
    <>
      <section class="panel prose" id="how" aria-labelledby="h-how">
        <h2 id="h-how">How it works</h2>
        <div class="cols">
          {STEPS.map(([name, words]) => (
            <div key={name}>
              <h3>{name}</h3>
              <p>{words}</p>
            </div>
          ))}
        </div>
      </section>
      <section class="panel prose" id="words" aria-labelledby="h-words">
        <h2 id="h-words">What this shows, and what it does not</h2>
        <dl>
          {WORDS.map(([name, words]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}
