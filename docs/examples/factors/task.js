// One task on the requestor's machine: its folders, and its parts in one JSON file there, so that a restart loses nothing.
//
// Knows files. Must not know calls or numbers.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { segment } = require('./values');

class Task {
  constructor(workDir, taskId) {
    this.folder = path.join(workDir, segment(taskId, 'task_id'));
    this.inputs = path.join(this.folder, 'task_inputs');
    this.subtaskInputs = path.join(this.folder, 'subtask_inputs');
    this.outputs = path.join(this.folder, 'task_outputs');
    this.file = path.join(this.folder, 'parts.json');
  }

  results(subtaskId) {
    return path.join(this.folder, 'subtask_outputs', segment(subtaskId, 'subtask_id'));
  }

  exists() {
    return fs.existsSync(this.file);
  }

  // Begins with parts of texts; each is pending.
  create(texts) {
    for (const folder of [this.subtaskInputs, this.outputs]) fs.mkdirSync(folder, { recursive: true });
    this.#save({ parts: texts.map((text) => ({ text, state: 'pending' })), tries: {} });
  }

  load() {
    if (!this.exists()) throw new Error(`unknown task ${path.basename(this.folder)}`);
    return JSON.parse(fs.readFileSync(this.file, 'utf8'));
  }

  // Lets a function change what is known, and keeps it; no other call has a turn meanwhile.
  change(how) {
    const known = this.load();
    const answer = how(known);
    this.#save(known);
    return answer;
  }

  removeFiles(subtaskId) {
    fs.rmSync(path.join(this.subtaskInputs, `${segment(subtaskId, 'subtask_id')}.txt`), { force: true });
    fs.rmSync(this.results(subtaskId), { recursive: true, force: true });
  }

  // The rename makes it the old state or the new one, whenever the power fails.
  #save(known) {
    const fresh = `${this.file}.new`;
    const handle = fs.openSync(fresh, 'w');
    try {
      fs.writeSync(handle, JSON.stringify(known));
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    fs.renameSync(fresh, this.file);
  }
}

module.exports = { Task };
