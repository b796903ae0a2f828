/**
 * SHA-256 (FIPS 180-4) of a short text: loading node:crypto with OpenSSL behind it takes longer, 10 ms, than most
 * verbs have. For paths and names only: what is long is hashed by node:crypto, or by native.
 */
export function sha256(text: string): Buffer {
  const state = [...INITIAL];
  const message = padded(Buffer.from(text));
  for (let at = 0; at < message.length; at += 64) addBlock(state, message.subarray(at, at + 64));
  const digest = Buffer.alloc(32);
  state.forEach((word, i) => void digest.writeUInt32BE(word >>> 0, 4 * i));
  return digest;
}

/** First 32 bits of the fraction of the `root`-th root of each of the first `count` primes: FIPS 180-4, 4.2.2 and 5.3.3. */
function fractions(root: (x: number) => number, count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes.map((prime) => Math.floor((root(prime) % 1) * 2 ** 32) | 0);
}

const INITIAL = fractions(Math.sqrt, 8);
const K = fractions(Math.cbrt, 64);

/** A one bit, zeros, the length in bits: whole blocks of 64 bytes. */
function padded(bytes: Buffer): Buffer {
  const message = Buffer.alloc(Math.ceil((bytes.length + 9) / 64) * 64);
  bytes.copy(message);
  message[bytes.length] = 0x80;
  message.writeUInt32BE(bytes.length * 8, message.length - 4);
  return message;
}

function addBlock(state: number[], block: Buffer): void {
  const w: number[] = [];
  for (let t = 0; t < 64; t++) w.push(t < 16 ? block.readInt32BE(4 * t) : schedule(w, t));
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const big1 = right(e, 6) ^ right(e, 11) ^ right(e, 25);
    const temp = (h + big1 + ((e & f) ^ (~e & g)) + (K[t] ?? 0) + (w[t] ?? 0)) | 0;
    const big0 = right(a, 2) ^ right(a, 13) ^ right(a, 22);
    const sum = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [a, b, c, d, e, f, g, h] = [(temp + sum) | 0, a, b, c, (d + temp) | 0, e, f, g];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = ((state[i] ?? 0) + word) | 0;
}

function schedule(w: readonly number[], t: number): number {
  const [far = 0, near = 0] = [w[t - 15], w[t - 2]];
  const small0 = right(far, 7) ^ right(far, 18) ^ (far >>> 3);
  const small1 = right(near, 17) ^ right(near, 19) ^ (near >>> 10);
  return (small1 + (w[t - 7] ?? 0) + small0 + (w[t - 16] ?? 0)) | 0;
}

function right(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
