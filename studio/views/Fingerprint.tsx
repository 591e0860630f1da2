/** The fingerprint of the tokens that the race at hand draws. */
import { useMemo } from "preact/hooks";
import { fingerprintOf } from "../fingerprint.ts";
import { settings } from "../session.ts";

export function Fingerprint() {
  const fingerprint = useMemo(() => fingerprintOf(settings.value), [settings.value]);
  return (
    <p class="note">
      Fingerprint of the tokens that this race draws: <code>{fingerprint}</code>. The same address has the
      same one on any machine.
    </p>
  );
}
