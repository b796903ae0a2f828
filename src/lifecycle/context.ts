import { type HostPath, StateLayout } from '../base/paths.js';
import { Store } from '../state/store.js';

/** What every use case gets: built once by the command line, so that a use case has no globals. */
export interface Context {
  readonly layout: StateLayout;
  readonly store: Store;
  /** Aborted by Ctrl-C or SIGTERM: a use case then undoes what it did and throws. */
  readonly signal: AbortSignal;
  /** Something the user should know that is no failure. */
  readonly warn: (message: string) => void;
  readonly progress: (progress: Progress) => void;
}

export interface Progress {
  readonly what: string;
  /** 0 to 1; absent when nobody can tell. */
  readonly done?: number;
}

export interface ContextOptions {
  readonly root: HostPath;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  readonly progress: (progress: Progress) => void;
}

export function createContext(options: ContextOptions): Context {
  const layout = new StateLayout(options.root);
  return { ...options, layout, store: new Store(layout) };
}
