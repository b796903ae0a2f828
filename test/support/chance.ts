/** The whole walk instead of a sample: `npm run test:long`. */
export const LONG = process.env['TSCT_TEST_LONG'] !== undefined;

/** Says which points of time a walk took: the same seed takes the same ones. */
export const SEED = Number(process.env['TSCT_TEST_SEED'] ?? 20_261_121);

/** Numbers in [0, 1) that depend on the seed alone (mulberry32, public domain by T. Ettinger). */
export function chance(seed = SEED): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** `count` points in [from, to), one in each of as many equal parts, so that a small sample leaves no gap. */
export function points(count: number, from: number, to: number, random = chance()): number[] {
  const width = (to - from) / count;
  return Array.from({ length: count }, (_, i) => from + (i + random()) * width);
}
