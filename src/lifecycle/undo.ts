import { TsctErrors } from '../base/errors.js';

/**
 * What has to be undone if the rest fails: pushed after each step, run in reverse order.
 * A failing undo does not stop the others and is reported beside the failure that caused it.
 */
export class UndoStack {
  private steps: { readonly what: string; readonly undo: () => Promise<void> }[] = [];

  push(what: string, undo: () => Promise<void>): void {
    this.steps.push({ what, undo });
  }

  /** It worked: nothing is to be undone any more. */
  disarm(): void {
    this.steps = [];
  }

  /** @returns `error`, joined with whatever failed in undoing. */
  async run(error: unknown): Promise<unknown> {
    const failures: Error[] = [];
    for (const { undo } of this.steps.reverse()) {
      await undo().catch((failure: unknown) => failures.push(asError(failure)));
    }
    this.steps = [];
    return failures.length === 0 ? error : new TsctErrors([asError(error), ...failures]);
  }
}

/** Runs `work`; when it throws, undoes what it pushed and throws on. */
export async function withUndo<T>(work: (undo: UndoStack) => Promise<T>): Promise<T> {
  const undo = new UndoStack();
  try {
    return await work(undo);
  } catch (error) {
    throw await undo.run(error);
  }
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
