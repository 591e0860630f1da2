/** The page: its frame, and the views in their order. */
import { signal } from "@preact/signals";
import { render } from "preact";
import "./style.css";
import { showRecorded } from "./recorded.ts";
import * as session from "./session.ts";
import { nextTheme, theme } from "./theme.ts";
import { Announcer } from "./views/Announcer.tsx";
import { Can } from "./views/Can.tsx";
import { Explained } from "./views/Explained.tsx";
import { Race } from "./views/Race.tsx";
import { Runs } from "./views/Runs.tsx";
import { See } from "./views/See.tsx";
import { Dock, linkOf, Setup } from "./views/Setup.tsx";

const copied = signal("");

async function copyLink(): Promise<void> {
  const link = linkOf(session.settings.value);
  try {
    await navigator.clipboard.writeText(link);
    copied.value = "Copied.";
  } catch {
    copied.value = `The browser did not allow copying: ${link}`;
  }
}

function App() {
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
          <button type="button" class="ghost sm" onClick={() => void copyLink()}>
            Copy link
          </button>
          <span role="status">{copied.value}</span>
          <button type="button" class="ghost sm" onClick={nextTheme}>
            Theme: {theme.value}
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
void session.begin().then(showRecorded);
