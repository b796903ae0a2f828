import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConfigChange, editText, parseAssignment } from '../../../src/definition/edit.js';
import { parseDefinition } from '../../../src/definition/parse.js';
import { type Line, scanLines } from '../../../src/definition/scan.js';

const change = (op: ConfigChange['op'], name: string, value = ''): ConfigChange => {
  const [section = '', key = ''] = name.split('.');
  return { section, key, op, value };
};
const edit = (text: string, op: ConfigChange['op'], name: string, value = '') =>
  editText(text, change(op, name, value), '--set');

/** Texts as people and other programs write them: comments, blanks, CRLF, continuations, repeats, junk, no last newline. */
const anyLine = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '[Exec]',
      '[Files]',
      '[Start]',
      '[Other]',
      '[Network]',
      '[Network eth0]',
      '[Network  eth0]',
      '[Network eth1]',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'Hostname=a',
      '  Hostname = b',
      'Bind=/a',
      'Bind=',
      'Order=1',
      'Port=80:80',
      'Private=yes',
      'Environment=A=1 \\',
      'X=\\',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      '   ',
      '# Hostname=no',
      '; \\',
      '\\',
      'no equals sign',
      '\ufeff',
      '=',
      'ü=ß',
    ),
  },
  { weight: 1, arbitrary: fc.string() },
);
const anyText = fc
  .tuple(fc.array(fc.tuple(anyLine, fc.constantFrom('\n', '\r\n')), { maxLength: 12 }), anyLine, fc.boolean())
  .map(([lines, last, endsBare]) => lines.map(([line, eol]) => line + eol).join('') + (endsBare ? last : ''));

const EDITS: readonly ConfigChange[] = [
  change('set', 'Exec.Hostname', 'new'),
  change('set', 'Start.Order', '7'),
  change('set', 'Files.Bind', '/new'),
  change('append', 'Files.Bind', '/more'),
  change('append', 'Files.Bind', ''),
  change('set', 'Network eth0.MTUBytes', '1400'),
  change('append', 'Network eth0.Port', '81:81'),
  change('unset', 'Network eth0.Port'),
  change('set', 'Network.Private', 'no'),
  change('unset', 'Exec.Hostname'),
  change('unset', 'Files.Bind'),
];

const isOf = (line: Line, { section, key }: ConfigChange) =>
  line.kind === 'entry' && line.section === section && line.key === key;

/** The bytes of every line but those of the key, and its values in order. */
function dissect(text: string, of: ConfigChange): { rest: string; values: string[] } {
  const lines = [...scanLines(text)];
  return {
    rest: lines
      .filter((line) => !isOf(line, of))
      .map((line) => text.slice(line.start, line.end))
      .join(''),
    values: lines.flatMap((line) => (line.kind === 'entry' && isOf(line, of) ? [line.value] : [])),
  };
}

describe('scanLines', () => {
  it('cuts any text into lines that are the text again', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string()), (text) => {
        const pieces = [...scanLines(text)].map((line) => text.slice(line.start, line.end));
        expect(pieces.join('')).toBe(text);
      }),
    );
  });
});

describe('editText', () => {
  it('changes no byte of any other line', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...EDITS), (text, by) => {
        const before = dissect(text, by);
        const after = dissect(editText(text, by, '--set'), by);
        // Added text: at most the end of an unfinished last line and one section header.
        expect(after.rest.startsWith(before.rest)).toBe(true);
        expect(after.rest.slice(before.rest.length)).toMatch(
          /^(\r?\n)*(\[(Exec|Files|Start|Network|Network eth0)\]\r?\n)?$/,
        );
        if (by.op === 'unset') expect(after).toEqual({ rest: before.rest, values: [] });
        if (by.op === 'set') expect(after.values).toEqual([by.value]);
        if (by.op === 'append') expect(after.values).toEqual([...before.values, by.value]);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps indentation, blanks around the sign and CRLF', () => {
    expect(edit('[Exec]\r\n  Hostname =  a\r\n# end', 'set', 'Exec.Hostname', 'b')).toBe(
      '[Exec]\r\n  Hostname =  b\r\n# end',
    );
  });

  it('puts a new key at the end of its section, before the blank line that ends it', () => {
    expect(edit('[Exec]\nHostname=a\n\n[Start]\nOrder=1\n', 'set', 'Exec.Init', '/init')).toBe(
      '[Exec]\nHostname=a\nInit=/init\n\n[Start]\nOrder=1\n',
    );
  });

  it('adds a section that is missing', () => {
    expect(edit('[Exec]\nHostname=a', 'set', 'Start.Order', '1')).toBe(
      '[Exec]\nHostname=a\n\n[Start]\nOrder=1\n',
    );
    expect(edit('', 'set', 'Start.Order', '1')).toBe('[Start]\nOrder=1\n');
  });

  it.each([
    ['Exec.Hostnam', 'x', 'TSCT_CONFIG_UNKNOWN_KEY'],
    ['Exce.Hostname', 'x', 'TSCT_CONFIG_UNKNOWN_SECTION'],
    ['constructor.name', 'x', 'TSCT_CONFIG_UNKNOWN_SECTION'],
    ['Exec.toString', 'x', 'TSCT_CONFIG_UNKNOWN_KEY'],
    ['Network lo.Port', '1:1', 'TSCT_CONFIG_UNKNOWN_SECTION'],
    ['Network eth0.Private', 'yes', 'TSCT_CONFIG_UNKNOWN_KEY'],
    ['Network eth0.Port', '1', 'TSCT_CONFIG_VALUE'],
    ['Exec.Hostname', '-', 'TSCT_CONFIG_VALUE'],
    ['Exec.Environment', 'A=1\nB=2', 'TSCT_CONFIG_VALUE'],
    ['Exec.Environment', 'A=1\\', 'TSCT_CONFIG_VALUE'],
    ['Exec.Environment', 'A=\u0000', 'TSCT_CONFIG_VALUE'],
  ])('refuses %s=%j', (name, value, code) => {
    expect(() => edit('', 'set', name, value)).toThrow(expect.objectContaining({ code }));
  });
});

describe('parseAssignment', () => {
  it('sets a single key and adds to a list', () => {
    expect(parseAssignment('Exec.Hostname=a=b')).toEqual(change('set', 'Exec.Hostname', 'a=b'));
    expect(parseAssignment('Files.Bind=/a')).toEqual(change('append', 'Files.Bind', '/a'));
    expect(parseAssignment('Network.eth0.1.Port=a=b.c')).toEqual({
      section: 'Network eth0.1',
      key: 'Port',
      op: 'append',
      value: 'a=b.c',
    });
  });

  it('makes a text that reads back', () => {
    const text = ['Exec.Hostname=web', 'Exec.Environment=A=1', 'Exec.Environment=B=2'].reduce(
      (config, item) => editText(config, parseAssignment(item), '--set'),
      '',
    );
    const { exec } = parseDefinition([{ file: 'config', text }]);
    expect(exec.environment).toEqual(['A=1', 'B=2']);
    expect(exec.hostname).toBe('web');
  });

  it.each(['', 'Exec', 'Exec.Hostname', 'Hostname=a', '.=x'])('refuses %j as bad usage', (text) => {
    expect(() => parseAssignment(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});
