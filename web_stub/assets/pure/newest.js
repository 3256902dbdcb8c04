// Questions that come faster than their answers: one is under way, and of those that wait only the newest is asked.

/**
 * @template {any[]} A
 * @param {(...what: A) => Promise<void>} ask
 * @returns {(...what: A) => Promise<void>} is done when this question or a newer one is answered
 */
export function newestOnly(ask) {
  /** @type {Promise<void> | null} */
  let running = null;
  /** @type {A | null} */
  let next = null;
  const run = async () => {
    while (next) {
      const what = next;
      next = null;
      await ask(...what);
    }
  };
  return (...what) => {
    next = what;
    running ??= run().finally(() => { running = null; });
    return running;
  };
}
