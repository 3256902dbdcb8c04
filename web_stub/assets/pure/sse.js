// Server-sent events, read from text as it comes. `EventSource` cannot send a question and hides the server's comments,
// by which a reader knows that the server is alive.

/**
 * `data` has the message's lines of data; `id` is "" where it has none.
 * @typedef {{name: string, id: string, data: string[]}} Message
 */

export class SseReader {
  #rest = ""; // the beginning of a message
  #looked = 0; // in it, where no message ends

  /**
   * The messages that the text completes. Comments and times to wait are left out.
   * @param {string} text with \n at the end of each line, as this server writes it
   * @returns {Message[]}
   */
  read(text) {
    this.#rest += text;
    const messages = [];
    let from = 0;
    for (;;) {
      const end = this.#rest.indexOf("\n\n", Math.max(from, this.#looked));
      if (end < 0) break;
      const message = messageOf(this.#rest.slice(from, end));
      if (message) messages.push(message);
      from = end + 2;
    }
    this.#rest = this.#rest.slice(from);
    this.#looked = Math.max(0, this.#rest.length - 1);
    return messages;
  }
}

/** @param {string} text @returns {Message | null} null without data */
function messageOf(text) {
  /** @type {Message} */
  const message = { name: "message", id: "", data: [] };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") message.name = value;
    else if (field === "id") message.id = value;
    else if (field === "data") message.data.push(value);
  }
  return message.data.length ? message : null;
}
