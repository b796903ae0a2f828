import { describe, expect, it } from 'vitest';
import { TsctError } from '../../../src/base/errors.js';
import { checkName, isValidName } from '../../../src/state/names.js';

describe('names of containers', () => {
  it.each(['a', 'web', 'web-1', 'db.example.org', '0', 'A'.repeat(64)])('takes %j', (name) => {
    expect(isValidName(name)).toBe(true);
  });

  it.each([
    ['', 'it is empty'],
    ['../x', 'a path'],
    ['a/b', 'a path'],
    ['-a', 'begin with "-"'],
    ['.store', 'begin with "."'],
    ['a-', 'end with "-"'],
    ['a..b', 'two dots'],
    ['a_b', '"_" is not allowed'],
    ['a b', '" " is not allowed'],
    ['a\n', '"\\n" is not allowed'],
    ['web@snap', '"@" is not allowed'],
    ['x'.repeat(65), 'longer than 64 characters (65)'],
  ])('refuses %j and says why', (name, why) => {
    let error: unknown;
    try {
      checkName(name);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TsctError);
    expect(error).toMatchObject({ code: 'TSCT_BAD_NAME', exitCode: 2 });
    expect((error as TsctError).message).toContain(why);
    expect((error as TsctError).hint).toContain('1 to 64 letters, digits, dots and dashes');
  });
});
