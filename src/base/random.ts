import { closeSync, openSync, readSync } from 'node:fs';

// From the kernel itself: loading node:crypto for it would cost every verb 10 ms.

/** Random bytes as hex digits, fit to name things (urandom(4)). @param bytes how many. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** A random uuid (RFC 9562, version 4). */
export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Random bytes of the kernel (urandom(4)), fewer than 256. */
export function randomBytes(count: number): Buffer {
  const file = openSync('/dev/urandom', 'r');
  try {
    const bytes = Buffer.alloc(count);
    // Never short for less than 256 bytes.
    if (readSync(file, bytes) !== count) throw new Error('/dev/urandom ended');
    return bytes;
  } finally {
    closeSync(file);
  }
}
