import { expect, it } from 'vitest';
import { field } from '../../../src/state/group-text.js';

it('field finds the line that begins with the word, whichever it is', () => {
  const text = 'rss 1\ntotal_rss 23\ntotal_rss_huge 4\nlast 5';
  expect(['rss', 'total_rss', 'total_rss_huge', 'last'].map((key) => field(text, key))).toEqual([
    1, 23, 4, 5,
  ]);
  expect(['ss', 'total', 'las'].map((key) => field(text, key))).toEqual([null, null, null]);
  expect(field(undefined, 'rss')).toBeNull();
  expect(field('', 'rss')).toBeNull();
});
