import { describe, expect, it } from 'vitest';
import { TsctError, TsctErrors } from '../../../src/base/errors.js';
import { forEach } from '../../../src/lifecycle/each.js';
import { withUndo } from '../../../src/lifecycle/undo.js';

describe('withUndo', () => {
  it('undoes in reverse order, goes on after an undo that fails, and reports both', async () => {
    const done: string[] = [];
    const work = withUndo(async (undo) => {
      undo.push('first', async () => void done.push('first'));
      undo.push('second', async () => {
        throw new TsctError('TSCT_UNDO', 'cannot undo the second');
      });
      undo.push('third', async () => void done.push('third'));
      throw new TsctError('TSCT_WORK', 'cannot work', { exitCode: 5 });
    });
    await expect(work).rejects.toMatchObject({
      code: 'TSCT_WORK',
      exitCode: 5,
      message: 'cannot work\ncannot undo the second',
    });
    expect(done).toEqual(['third', 'first']);
  });

  it('undoes nothing when all went well', async () => {
    const result = await withUndo(async (undo) => {
      undo.push('never', async () => {
        throw new TsctError('TSCT_UNDO', 'undone');
      });
      return 42;
    });
    expect(result).toBe(42);
  });
});

describe('forEach', () => {
  const work = async (name: string) => {
    if (name.startsWith('bad')) throw new TsctError('TSCT_X', name, { exitCode: name === 'bad2' ? 3 : 4 });
    return name.toUpperCase();
  };

  it('does each name once and keeps the order', async () => {
    expect(await forEach(['a', 'b', 'a'], work, { atOnce: 4 })).toEqual(['A', 'B']);
  });

  it('goes on after a failure; the exit code is that of the first one named', async () => {
    const done: string[] = [];
    const all = forEach(['a', 'bad2', 'bad4', 'c'], async (name) => void done.push(await work(name)), {
      atOnce: 3,
    });
    await expect(all).rejects.toBeInstanceOf(TsctErrors);
    await expect(all).rejects.toMatchObject({ exitCode: 3, message: 'bad2\nbad4' });
    expect(done.sort()).toEqual(['A', 'C']);
  });
});
