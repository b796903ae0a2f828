import { debuglog } from 'node:util';

/** Debug lines on stderr, on with `NODE_DEBUG=tsct:plan,tsct:supervisor` (util.debuglog). */
export function logger(area: string): (message: string, ...values: readonly unknown[]) => void {
  return debuglog(`tsct:${area}`);
}
