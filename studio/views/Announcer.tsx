/** Tells screen readers how the race goes: at most once in five seconds, and only where the words have changed. */
import { useEffect, useState } from "preact/hooks";
import { phase, used, verdict } from "../session.ts";

/** Milliseconds between announcements. */
const PAUSE = 5000;

export function Announcer() {
  const [words, setWords] = useState("");
  useEffect(() => {
    const tell = () => {
      const now = phase.peek();
      if (now === "running") setWords(`${used.peek().toFixed(0)} seconds each. ${verdict.peek().say}`);
      else if (now === "failed") setWords("The race has stopped. The notice says why.");
      else if (now !== "idle") setWords(`The race is ${now}. ${verdict.peek().say}`);
    };
    const timer = setInterval(tell, PAUSE);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="sr" role="status" aria-live="polite" data-announcer>
      {words}
    </p>
  );
}
