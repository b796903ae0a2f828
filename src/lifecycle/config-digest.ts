import { sha256 } from '../base/digest.js';

/** By which a change of a config is known to have come true. */
export function configDigest(text: string): string {
  return sha256(text).toString('hex');
}
