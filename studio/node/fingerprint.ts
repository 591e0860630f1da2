/** Prints the fingerprint of an address: npm run studio:fingerprint -- "?task=arrows&seed=8" */
import { fingerprintOf } from "../fingerprint.ts";
import { fromAddress } from "../settings.ts";

const { settings, notes } = fromAddress(process.argv[2] ?? "");
for (const { text } of notes) console.error(text);
console.log(fingerprintOf(settings));
