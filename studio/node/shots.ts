/**
 * Takes the README's two pictures of the page, on a desktop in light colours and on a phone in dark ones, after a short
 * race: npm run studio:shots. Chromium comes from npm, on Linux and x64.
 */
import { openSite, race, visit } from "./site.ts";

/** Trained long enough for curves, short enough to wait for. */
const ADDRESS = "?task=arrows&seconds=20&backend=wasm";

const site = await openSite();
try {
  const desktop = await visit(site, ADDRESS);
  await race(desktop.page);
  await desktop.page.screenshot({
    path: "docs/studio-desktop.png",
    clip: { x: 0, y: 0, width: 1280, height: 900 },
  });
  await desktop.close();
  const phone = await visit(site, "", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await phone.page.locator("#see").scrollIntoViewIfNeeded();
  await phone.page.waitForTimeout(500);
  await phone.page.screenshot({ path: "docs/studio-phone.png" });
  await phone.close();
} finally {
  await site.close();
}
