import { badValue } from '../base/units.js';
import { parseBoolean, parsePath } from './values.js';

/** BindUser=: names of users, which also become names of files. Dots and @ are in those of directory services. */
export function parseUserNames(text: string): readonly string[] {
  const names = text.split(/\s+/);
  for (const name of names) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_.@-]{0,63}$/.test(name)) throw badValue(`"${name}" is not a name of a user`);
  }
  return names;
}

/** BindUserShell=: true is the user's own shell. */
export function parseShell(text: string): boolean | string {
  return text.startsWith('/') ? parsePath(text) : parseBoolean(text);
}
