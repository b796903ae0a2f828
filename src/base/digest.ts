import { sha256 as hash } from '@noble/hashes/sha2.js';

/**
 * SHA-256 of a short text. By a package in JavaScript: loading node:crypto with OpenSSL behind it costs 5 to 10 ms,
 * more than most verbs have. What is long is hashed by node:crypto, or by native.
 */
export function sha256(text: string): Buffer {
  return Buffer.from(hash(Buffer.from(text)));
}
