import type { Amount } from '../definition/resource-values.js';

/** @param of what the host has. Infinity: no limit. */
export function countOf(amount: Amount, of: number): number {
  if (amount === 'infinity') return Number.POSITIVE_INFINITY;
  return 'count' in amount ? amount.count : Math.max(1, Math.floor(amount.fraction * of));
}

/** As v2 writes no limit. */
export function asMax(count: number): string {
  return Number.isFinite(count) ? String(count) : 'max';
}

/** As v1 does. */
export function asMinusOne(count: number): string {
  return Number.isFinite(count) ? String(count) : '-1';
}

/** systemd's: 100 is 1024 shares; the kernel takes 2 to 262144. */
export function sharesOf(weight: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((weight * 1024) / 100)));
}
