import type { Amount, HugeTlbLimit } from '../definition/resource-values.js';

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

/** As files of the kernel are called: 64KB, 2MB, 1GB. */
function pageName(bytes: number): string {
  const [unit = 1024, name = 'KB'] =
    [[1024 ** 3, 'GB'] as const, [1024 ** 2, 'MB'] as const].find(([size]) => bytes >= size) ?? [];
  return `${bytes / unit}${name}`;
}

/** What is set aside by mmap(2) counts, too: it fails there, and not with a SIGBUS at the first touch. */
export function hugeTlbFiles({
  pageBytes,
  bytes,
}: HugeTlbLimit): readonly { readonly file: string; readonly value: string }[] {
  return ['max', 'rsvd.max'].map((word) => ({
    file: `hugetlb.${pageName(pageBytes)}.${word}`,
    value: asMax(bytes),
  }));
}
