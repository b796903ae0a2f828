import { describe, expect, it } from 'vitest';
import { groupTurns, type Turn } from '../../../src/lifecycle/autostart.js';

const turn = (name: string, order = 0, after: string[] = []): Turn => ({ name, order, after, delayMs: 0 });
const names = (turns: Turn[]) => groupTurns(turns).map((group) => group.map(({ name }) => name));

describe('groupTurns', () => {
  it('puts equal orders together, lower ones first', () => {
    expect(names([turn('c', 10), turn('a'), turn('b')])).toEqual([['a', 'b'], ['c']]);
  });

  it('starts each after what it names, also against the order', () => {
    expect(names([turn('web', 0, ['db']), turn('db')])).toEqual([['db'], ['web']]);
    expect(names([turn('web', -5, ['db']), turn('db', 5), turn('x')])).toEqual([['x'], ['db'], ['web']]);
  });

  it('is not held up by names that are not there, by itself, or by a circle', () => {
    expect(names([turn('a', 0, ['gone', 'a'])])).toEqual([['a']]);
    expect(names([turn('a', 0, ['b']), turn('b', 0, ['a']), turn('c')])).toEqual([['c'], ['a'], ['b']]);
  });

  it('says nothing for nothing', () => {
    expect(names([])).toEqual([]);
  });
});
