/** The page: its frame, and the views in their order. */
import { signal } from "@preact/signals";
import { render } from "preact";
import "./style.css";
import { showRecorded } from "./recorded.ts";
import * as session from "./session.ts";
import { toAddress } from "./settings.ts";
import { nextTheme, theme } from "./theme.ts";
import { Announcer } from "./views/Announcer.tsx";
import { Can } from "./views/Can.tsx";
import { Explained } from "./views/Explained.tsx";
import { lazily } from "./views/lazily.tsx";
import { Race } from "./views/Race.tsx";
import { Runs } from "./views/Runs.tsx";
import { Dock, Setup } from "./views/Setup.tsx";
import { watchTab } from "./visibility.ts";

/** With the library, which draws the tokens that it shows. */
const See = lazily(
  async () => (await import("./views/See.tsx")).See,
  <section class="panel" id="see" aria-labelledby="h-see">
    <h2 id="h-see">What each layer sees</h2>
    <p class="cap">Loading.</p>
  </section>,
);

const copied = signal("");

async function copyLink(): Promise<void> {
  const link = location.origin + location.pathname + toAddress(session.settings.value);
  try {
    await navigator.clipboard.writeText(link);
    copied.value = "Copied";
  } catch {
    copied.value = `The browser did not allow copying. The link is ${link}`;
  }
  setTimeout(() => (copied.value = ""), 8000);
}

const THEMES = { system: ["◐", "as the system"], light: ["○", "light"], dark: ["●", "dark"] } as const;

function App() {
  const [icon, words] = THEMES[theme.value];
  return (
    <>
      <a class="skip" href="#race">
        Skip to the race
      </a>
      <header class="top">
        <div class="brand">
          <span class="mark" aria-hidden="true">
            <i />
            <i />
            <i />
            <i />
          </span>
          <span>
            <b>random-ltd</b> studio
          </span>
        </div>
        <nav aria-label="Page">
          <a href="#how">How it works</a>
          <a href="#words">What it shows</a>
          <span class="copied" role="status">
            {copied.value}
          </span>
          <button type="button" class="ghost sm" onClick={() => void copyLink()}>
            Copy link
          </button>
          <button
            type="button"
            class="ghost sm icon"
            aria-label={`Colours: ${words}`}
            title={`Colours: ${words}`}
            onClick={nextTheme}
          >
            {icon}
          </button>
        </nav>
      </header>
      <main>
        <Setup />
        <Race />
        <See />
        <Can />
        <Runs />
        <Explained />
      </main>
      <Dock />
      <Announcer />
    </>
  );
}

render(<App />, document.getElementById("app")!);
showRecorded();
watchTab();
void session.begin();
