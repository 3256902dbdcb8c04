// The server's clock: durations and ages are told by it, because the clock of a person's machine may be wrong.

let ahead = 0; // ms that the server's clock is ahead of this machine's

/** @param {number} ms how far the server's clock is ahead */
export function setAhead(ms) { ahead = ms; }

/** Now by the server's clock, in ms since 1970. */
export const now = () => Date.now() + ahead;
