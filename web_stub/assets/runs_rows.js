// Rows of a table that change without losing focus or selected text: a cell is made anew only when what it shows has changed.

/** @typedef {{mark: string, make: () => HTMLElement}} CellPlan `mark` changes whenever the cell does */
/** @typedef {{key: string, what: string, id: number | null, cells: CellPlan[]}} RowPlan `what` is the row's class, `id` its run */

/** What can have the focus. */
const FOCUSABLE = "a[href], button, input";

export class Rows {
  /** @type {Map<string, {row: HTMLTableRowElement, marks: string[]}>} */ #made = new Map();

  /** @param {HTMLElement} body */
  constructor(body) {
    this.body = body;
  }

  /** Ids of the runs, in the order of their rows. */
  get ids() {
    return [...this.body.children].flatMap((row) => (/** @type {HTMLElement} */ (row).dataset.id ?? "").split(",").filter(Boolean))
      .map(Number);
  }

  /** @param {RowPlan[]} plans each with a key of its own */
  draw(plans) {
    const made = new Map(plans.map((plan) => [plan.key, this.#row(plan)]));
    for (const [key, { row }] of this.#made) if (!made.has(key)) row.remove();
    this.#made = made;
    [...made.values()].forEach(({ row }, i) => {
      if (this.body.children[i] !== row) this.body.insertBefore(row, this.body.children[i] ?? null);
    });
  }

  /** @param {RowPlan} plan */
  #row({ key, what, id, cells }) {
    const known = this.#made.get(key) ?? { row: document.createElement("tr"), marks: [] };
    const { row, marks } = known;
    if (row.className !== what) row.className = what;
    if (id !== null) row.dataset.id = String(id);
    while (row.cells.length > cells.length) row.lastElementChild?.remove();
    cells.forEach(({ mark, make }, i) => {
      if (marks[i] === mark && i < row.cells.length) return;
      const old = row.cells[i];
      const hadFocus = old?.contains(document.activeElement);
      const cell = make();
      if (old) old.replaceWith(cell);
      else row.append(cell);
      if (hadFocus) /** @type {HTMLElement | null} */ (cell.querySelector(FOCUSABLE))?.focus();
    });
    return { row, marks: cells.map(({ mark }) => mark) };
  }
}
