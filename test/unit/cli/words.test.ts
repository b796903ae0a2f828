import { describe, expect, it } from 'vitest';
import { table } from '../../../src/cli/render/table.js';
import { formatBytes, formatDuration } from '../../../src/cli/render/units.js';
import { splitCommand } from '../../../src/cli/split-command.js';

const split = (line: string) => splitCommand(line.split(' ').filter(Boolean), ['-u', '-e', '--cwd']);

describe('splitCommand', () => {
  it.each([
    ['web -- ls -l', 'web', 'ls -l'],
    ['web ls -l', 'web', 'ls -l'],
    ['-u www web -- id', '-u www web', 'id'],
    ['web -u www --cwd /srv id -u', 'web -u www --cwd /srv', 'id -u'],
    ['web -T -e A=1 -- sh -c -- x', 'web -T -e A=1', 'sh -c -- x'],
    ['web --user=www id', 'web --user=www', 'id'],
  ])('cuts %j', (line, options, command) => {
    expect(split(line)).toEqual({ options: options.split(' '), command: command.split(' ') });
  });

  it.each(['', 'web', 'web --', '-u www web'])('refuses %j: no command', (line) => {
    expect(() => split(line)).toThrow(expect.objectContaining({ code: 'TSCT_NO_COMMAND', exitCode: 2 }));
  });
});

describe('render', () => {
  it('aligns columns and leaves no blanks at line ends', () => {
    expect(
      table(
        ['NAME', 'STATE'],
        [
          ['web', 'running'],
          ['a-long-name', ''],
        ],
      ),
    ).toBe('NAME         STATE\nweb          running\na-long-name\n');
  });

  it('says sizes and times as people do', () => {
    expect([null, 0, 1023, 1536, 123 * 1024 ** 2].map(formatBytes)).toEqual([
      '-',
      '0 B',
      '1023 B',
      '1.5 KiB',
      '123 MiB',
    ]);
    expect([null, 5, 65, 3725, 90_000].map(formatDuration)).toEqual(['-', '5s', '1m 5s', '1h 2m', '1d 1h']);
  });
});
