import type { HostPath } from '../base/paths.js';
import { type ReadText, readText } from '../state/group-text.js';
import { addon } from '../supervisor/addon.js';

/** Reads many files at once; the reader has those, and reads by itself what could not be read, or was not asked for. */
export function readAhead(paths: readonly HostPath[]): ReadText {
  const texts = addon().readFiles(paths);
  const ahead = new Map(paths.map((path, i) => [path, texts[i] ?? undefined]));
  return (path) => ahead.get(path) ?? readText(path);
}
