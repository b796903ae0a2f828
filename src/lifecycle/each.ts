import { TsctErrors } from '../base/errors.js';

/**
 * Does the same for several containers: a failure of one does not keep the others from being done.
 * @param options.atOnce how many at a time; default 1, in the order given.
 * @throws the only failure, or TsctErrors with all of them (exit code of the first in the order given).
 */
export async function forEach<T>(
  items: readonly string[],
  work: (item: string) => Promise<T>,
  options: { readonly atOnce?: number } = {},
): Promise<T[]> {
  const names = [...new Set(items)];
  const results = new Map<string, T>();
  const failures = new Map<string, Error>();
  const queue = names.values();
  const worker = async () => {
    for (const name of queue) {
      try {
        results.set(name, await work(name));
      } catch (error) {
        failures.set(name, error as Error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.atOnce ?? 1) }, worker));
  const [first, ...others] = names.flatMap((name) => failures.get(name) ?? []);
  if (first) throw others.length === 0 ? first : new TsctErrors([first, ...others]);
  return names.flatMap((name) => (results.has(name) ? [results.get(name) as T] : []));
}
