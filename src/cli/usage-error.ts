import { nearest } from '../base/nearest.js';

/** What oclif throws at a wrong command line, as far as it is looked at here. */
interface UsageError extends Error {
  /** Of a missing argument. */
  readonly args?: readonly unknown[];
}

export interface Usage {
  readonly message: string;
  readonly hint: string;
}

/**
 * Words what is wrong with a command line, which oclif tells in several lines and without naming the command.
 * @param argv the words without `node` and script.
 * @param commands ids of all commands, such as `config:set`.
 */
export function explainUsage(error: UsageError, argv: readonly string[], commands: readonly string[]): Usage {
  const id = commandOf(argv, commands);
  const help = `tsct help ${id.replaceAll(':', ' ')}`.trim();
  if (/^command \S+ not found$/.test(error.message)) {
    // Of a command that takes no arguments oclif holds the first for a part of its name.
    const extra = argv[id.split(':').length];
    if (id !== '' && extra !== undefined) return { message: `Unexpected argument: ${extra}`, hint: help };
    return explainUnknown(argv, commands);
  }
  const missing = /^Missing \d+ required arg/.test(error.message) ? (error.args ?? []) : [];
  const names = missing.map((arg) => String((arg as { name?: unknown }).name).toUpperCase());
  if (names.length > 0) {
    return { message: `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} missing`, hint: help };
  }
  const message = error.message
    .replace(/\nSee more help with --help$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Missing required flag (\S+)$/, '--$1 is missing')
    .replace(/^Parsing (--\S+)\s+/, '$1: ')
    .replace(/\s*\n\s*/g, '; ');
  return { message, hint: help };
}

function explainUnknown([first = '', second]: readonly string[], commands: readonly string[]): Usage {
  const below = commands.filter((id) => id.startsWith(`${first}:`)).map((id) => id.slice(first.length + 1));
  if (below.length > 0 && second !== undefined)
    return unknown(`${first} `, second, below, `tsct help ${first}`);
  return unknown('', first, [...new Set(commands.map((id) => id.replace(/:.*/, '')))], 'tsct help');
}

/** More edits than that are another word. */
const TYPING_ERRORS_MAX = 2;

function unknown(before: string, word: string, known: readonly string[], help: string): Usage {
  const meant = nearest(word, known, TYPING_ERRORS_MAX);
  const message = `"${before}${word}" is not a tsct command`;
  return { message, hint: meant === '' ? help : `did you mean tsct ${before}${meant}? All of them: ${help}` };
}

/** The command that the first words name; empty if none. */
function commandOf([first = '', second = '']: readonly string[], commands: readonly string[]): string {
  return [`${first}:${second}`, first].find((id) => commands.includes(id)) ?? '';
}
