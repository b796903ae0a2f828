/** The candidate with the fewest single-character edits to `word`, at most `editsMax`, case ignored; `""` for none. */
export function nearest(
  word: string,
  candidates: readonly string[],
  editsMax = Number.POSITIVE_INFINITY,
): string {
  let best = '';
  let bestEdits = editsMax + 1;
  for (const candidate of candidates) {
    const edits = editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase());
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** Levenshtein distance, one row of the matrix at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
