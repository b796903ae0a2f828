import { expect, test } from 'vitest';
import { explainUsage } from '../../../src/cli/usage-error.js';

const COMMANDS = ['create', 'list', 'snapshot:create', 'snapshot:list'];

function explain(message: string, words: string, more: object = {}) {
  return explainUsage(Object.assign(new Error(message), more), words.split(' '), COMMANDS);
}

test('an unknown command names the nearest, if one is near', () => {
  expect(explain('command creat:web not found', 'creat web')).toEqual({
    message: '"creat" is not a tsct command',
    hint: 'did you mean tsct create? All of them: tsct help',
  });
  expect(explain('command snapshot:lst not found', 'snapshot lst')).toEqual({
    message: '"snapshot lst" is not a tsct command',
    hint: 'did you mean tsct snapshot list? All of them: tsct help snapshot',
  });
  expect(explain('command frobnicate not found', 'frobnicate').hint).toBe('tsct help');
  expect(explain('command list:web not found', 'list web')).toEqual({
    message: 'Unexpected argument: web',
    hint: 'tsct help list',
  });
  expect(explain('command snapshot:list:web not found', 'snapshot list web').message).toBe(
    'Unexpected argument: web',
  );
});

test('what is missing is named in one line, with the command to read about', () => {
  const args = [{ name: 'name' }, { name: 'target' }];
  expect(
    explain('Missing 2 required args:\nname  the container\nNote: ...', 'snapshot create', { args }),
  ).toEqual({
    message: 'NAME and TARGET are missing',
    hint: 'tsct help snapshot create',
  });
  expect(
    explain(
      'The following error occurred:\n  Missing required flag repo\nSee more help with --help',
      'create',
    ),
  ).toEqual({ message: '--repo is missing', hint: 'tsct help create' });
  expect(explain('Parsing --timeout \n\tExpected an integer but received: abc', 'list').message).toBe(
    '--timeout: Expected an integer but received: abc',
  );
});
