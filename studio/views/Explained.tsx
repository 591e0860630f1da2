/** How the method works, and what the page's words mean. */

export function Explained() {
  return (
    <>
      <section class="prose" id="how" aria-labelledby="h-how">
        <h2 id="h-how">How it works</h2>
        <div class="cols">
          <div>
            <h3>1. Draw</h3>
            <p>
              Before each step a middle layer draws K of the S tokens, at random, for each example anew. The
              draw depends on seed, step, layer and row alone, so this page's address retains the same tokens
              on any machine.
            </p>
          </div>
          <div>
            <h3>2. Skip</h3>
            <p>
              Only those K tokens go through the layer, in their order. The rest pass it by, unchanged, and
              wait for the next one. With one route, the middle layers share one draw.
            </p>
          </div>
          <div>
            <h3>3. Return</h3>
            <p>
              Before the end of the run no token is dropped any more. Early steps are cheap, since attention
              costs S², and the late ones are exact. Held-out loss is always measured with every token.
            </p>
          </div>
        </div>
      </section>
      <section class="prose" id="words" aria-labelledby="h-words">
        <h2 id="h-words">What this shows, and what it does not</h2>
        <dl>
          <dt>the clock</dt>
          <dd>
            The run that has used least time takes the next step, so all have had equal time at any moment.
            The clock counts training alone: no compiling, no pauses, no held-out checks, no sleep of the
            machine.
          </dd>
          <dt>held out</dt>
          <dd>Examples that no run trains on. Training loss, drawn faintly, flatters.</dd>
          <dt>layer-token</dt>
          <dd>
            One token through one layer: what dropping saves. A step of all tokens costs batch × S × layers of
            them.
          </dd>
          <dt>the control</dt>
          <dd>
            Fewer layers and every token. If it wins, depth does not pay yet at this size, and no saving on
            depth can prove much. Small models on small data often are like this.
          </dd>
          <dt>one seed</dt>
          <dd>One race is one race. Run it with more seeds before you believe a small difference.</dd>
          <dt>arrows</dt>
          <dd>
            Made up so that depth is needed and tokens repeat: each example holds a random map of four nodes
            as 127 arrows, and asks where four hops from a start lead. Real tasks lie between this and the
            next letter of a book.
          </dd>
          <dt>WebGPU</dt>
          <dd>
            Where the browser has it, the models train on the graphics card. Where it has not, they train on
            one thread of the CPU by WebAssembly: slower, and the same bits on every machine.
          </dd>
        </dl>
      </section>
    </>
  );
}
