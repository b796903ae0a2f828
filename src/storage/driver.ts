import type { HostPath } from '../base/paths.js';
import type { Root } from '../state/root.js';
import type { LayerStore } from './layer-store.js';
import type { Pin } from './pin.js';
import type { Freezer, TreeTools } from './tree-tools.js';

/**
 * Puts a delta, which is what a layer of overlay would be, into an empty tree, or onto a tree that it is a delta of.
 */
export type Lay = (tree: HostPath, how: 'into' | 'onto') => Promise<void>;

/** What a driver works with. */
export interface DriverContext {
  readonly store: LayerStore;
  readonly trees: TreeTools;
  /** Names what is made until a file does. */
  readonly pin: Pin;
  /** [Storage] Pool= of a root that is made; else a tree is made in the pool that the one which it is made of is in. */
  readonly pool?: string;
}

/**
 * How writable roots are made of sealed layers and sealed again. No method moves or changes a tree that a file
 * names: what counts changes only when the caller writes that file.
 */
export interface Driver {
  /** A new writable root with the content of these layers (lowest first). */
  grow(ctx: DriverContext, layers: readonly string[]): Promise<Root>;
  /**
   * Layers with the content of a root that nobody writes to, for good.
   * @returns them, and the root that the container has from then on: the caller writes it before it uses them.
   */
  seal(ctx: DriverContext, root: Root): Promise<Sealed>;
  /** The same for as long as the container is neither started nor changed: what `grow` makes a root of at once. */
  lend(ctx: DriverContext, root: Root): Promise<Sealed>;
  /** Layers with the content that others have with a delta on them, sealed. */
  extend(ctx: DriverContext, layers: readonly string[], lay: Lay): Promise<readonly string[]>;
  /** All trees of a root, as layers for when it is no longer written to. */
  asLayers(root: Root): readonly string[];
  /** Layers with the content of a running root at one moment at which it was frozen. */
  capture(ctx: DriverContext, root: Root, freeze: Freezer): Promise<Captured>;
}

export interface Sealed {
  readonly layers: readonly string[];
  readonly root: Root;
}

export interface Captured {
  readonly layers: readonly string[];
  readonly frozenMs: number;
  readonly copiedBytes: number;
}
