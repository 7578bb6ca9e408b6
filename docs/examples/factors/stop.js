// How work in progress learns that it is to end.

'use strict';

class StopSignal {
  #set = false;

  set() {
    this.#set = true;
  }

  // Lets other calls have their turn, Shutdown above all, and throws once the work is to end.
  async check() {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#set) throw new Error('interrupted: the service was told to end');
  }
}

module.exports = { StopSignal };
