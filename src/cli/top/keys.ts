import type { TopOrder } from '../../lifecycle/top.js';
import type { View } from './frame.js';

/** A key as node:readline tells it. */
export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly sequence?: string;
}

const ORDERS: Readonly<Record<string, TopOrder>> = { c: 'cpu', m: 'memory', i: 'io', t: 'tasks', n: 'name' };
const DELAYS_MS = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/**
 * What a key makes of the view.
 * @param page rows that the screen has. @returns undefined: the end was asked for.
 */
export function press(view: View, key: Key, page: number): View | undefined {
  if (key.ctrl && key.name === 'c') return undefined;
  return view.isTyping ? type(view, key) : command(view, key, page);
}

function type(view: View, { name, sequence = '', ctrl }: Key): View {
  if (name === 'return' || name === 'enter') return { ...view, isTyping: false };
  if (name === 'escape') return { ...view, isTyping: false, filter: '' };
  if (name === 'backspace') return { ...view, filter: view.filter.slice(0, -1) };
  // Of names only what names are made of.
  return !ctrl && /^[\w.-]$/.test(sequence) ? { ...view, filter: view.filter + sequence, scrolled: 0 } : view;
}

function command(view: View, { name = '', sequence = '' }: Key, page: number): View | undefined {
  const order = ORDERS[name];
  if (order) return { ...view, order, reversed: false, scrolled: 0 };
  switch (name) {
    case 'q':
      return undefined;
    case 'r':
      return { ...view, reversed: !view.reversed };
    case 'up':
      return { ...view, scrolled: Math.max(0, view.scrolled - 1) };
    case 'down':
      return { ...view, scrolled: view.scrolled + 1 };
    case 'pageup':
      return { ...view, scrolled: Math.max(0, view.scrolled - page) };
    case 'pagedown':
      return { ...view, scrolled: view.scrolled + page };
    case 'home':
      return { ...view, scrolled: 0 };
  }
  switch (sequence) {
    case '/':
      return { ...view, isTyping: true };
    case '+':
      return { ...view, delayMs: DELAYS_MS.find((ms) => ms > view.delayMs) ?? view.delayMs };
    case '-':
      return { ...view, delayMs: DELAYS_MS.findLast((ms) => ms < view.delayMs) ?? view.delayMs };
    default:
      return view;
  }
}
