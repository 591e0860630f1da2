/** Parts of the page that are loaded when they are wanted. */
import { useSignal } from "@preact/signals";
import type { ComponentType, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** How near a part must come to what the visitor sees. */
const NEAR = "100px";

/**
 * A component that is loaded when it is first shown; with `waiting`, which stands in its place, when that comes near to
 * what the visitor sees. Where it can't be had, a sentence says so.
 *
 * @example
 * const See = lazily(async () => (await import("./See.tsx")).See, <p>Loading.</p>);
 */
export function lazily<P extends object>(load: () => Promise<ComponentType<P>>, waiting?: VNode) {
  return function Lazy(props: P) {
    const place = useRef<HTMLDivElement>(null);
    const found = useSignal<{ readonly component: ComponentType<P> } | "refused" | undefined>(undefined);
    useEffect(() => {
      const begin = () => {
        load().then(
          (component) => (found.value = { component }),
          () => (found.value = "refused"),
        );
      };
      if (!place.current) return begin();
      const watch = new IntersectionObserver(
        (entries) => {
          if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
          watch.disconnect();
          begin();
        },
        { rootMargin: NEAR },
      );
      watch.observe(place.current);
      return () => watch.disconnect();
    }, []);
    const shown = found.value;
    if (shown === undefined) return waiting ? <div ref={place}>{waiting}</div> : null;
    if (shown === "refused") return <p class="notice">A part of the page could not be loaded. Reload it.</p>;
    const { component: Component } = shown;
    return <Component {...props} />;
  };
}
