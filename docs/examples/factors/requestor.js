// The requestor's side: hands out parts of a list of numbers, and judges the factors that come back.
//
// Knows tasks, parts and verdicts. Must not know nodes. A part is pending, open (handed out to one subtask) or done.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { wrongWith, readNumbers, benchmark } = require('./arithmetic');
const { Task } = require('./task');
const { readObject, segment } = require('./values');

const IMAGE = { image: 'claynet-examples/factors', tag: '1.0.0' };
const MEMORY_MIB = 128;
const LONGEST_RESULT = 1024 * 1024;

// Cuts a list into so many runs of nearly equal length; empty ones are left out.
function cut(list, count) {
  const pieces = [];
  for (let index = 0; index < count; index += 1) {
    pieces.push(list.slice(Math.floor((index * list.length) / count), Math.floor(((index + 1) * list.length) / count)));
  }
  return pieces.filter((piece) => piece.length > 0);
}

// Reads a result; throws what is wrong with it.
function readResult(task, subtaskId) {
  const file = path.join(task.results(subtaskId), `${subtaskId}.json`);
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) throw new Error(`there is no result ${path.basename(file)}`);
  if (found.size > LONGEST_RESULT) throw new Error(`the result is larger than ${LONGEST_RESULT} bytes`);
  let value;
  try {
    value = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    throw new Error('the result is not JSON');
  }
  const isFactors = (item) => Array.isArray(item) && item.every((text) => typeof text === 'string' && /^\d{1,31}$/.test(text));
  if (!Array.isArray(value) || !value.every(isFactors)) throw new Error('the result is not a list of lists of numbers');
  return value.map((factors) => factors.map(BigInt));
}

function judge(task, subtaskId, text) {
  const numbers = readNumbers(text);
  const factors = readResult(task, subtaskId);
  if (factors.length !== numbers.length) return `${numbers.length} numbers, and factors of ${factors.length}`;
  return numbers.map((number, index) => wrongWith(number, factors[index])).find((reason) => reason !== '') ?? '';
}

function requestorSide(workDir, stop) {
  const taskOf = (request) => new Task(workDir, request.task_id);
  const output = (task, part) => path.join(task.outputs, `part-${part}.json`);

  // Gives a subtask's part back. `alsoDone`: even if its result was accepted. Tells whether there was anything to give back.
  function giveBack(task, subtaskId, alsoDone) {
    return task.change((known) => {
      const tried = Object.hasOwn(known.tries, subtaskId) ? known.tries[subtaskId] : undefined;
      const part = tried && known.parts[tried.part];
      if (!part || part.by !== subtaskId || (part.state === 'done' && !alsoDone)) return false;
      if (part.state === 'done') fs.rmSync(output(task, tried.part), { force: true });
      known.parts[tried.part] = { text: part.text, state: 'pending' };
      tried.refused ??= 'the subtask was given up';
      return true;
    });
  }

  function createTask(request) {
    const task = taskOf(request);
    const { numbers } = readObject(request.task_params_json, 'task parameters');
    const file = path.join(task.inputs, segment(numbers, 'numbers'));
    if (!fs.existsSync(file)) throw new Error(`${numbers} is not among the task's input files`);
    const all = readNumbers(fs.readFileSync(file, 'utf8'));
    if (all.length === 0) throw new Error(`there are no numbers in ${numbers}`);
    if (request.max_subtasks_count < 1) throw new Error('max_subtasks_count must be at least 1');
    task.create(cut(all, request.max_subtasks_count).map((piece) => `${piece.join('\n')}\n`));
    return { env_id: 'docker_cpu', prerequisites_json: JSON.stringify(IMAGE), inf_requirements: { min_memory_mib: MEMORY_MIB } };
  }

  function nextSubtask(request) {
    const task = taskOf(request);
    const name = `${segment(request.subtask_id, 'subtask_id')}.txt`;
    return task.change((known) => {
      const index = known.parts.findIndex((part) => part.state === 'pending');
      if (index < 0) return {};
      fs.writeFileSync(path.join(task.subtaskInputs, name), known.parts[index].text);
      known.parts[index] = { text: known.parts[index].text, state: 'open', by: request.subtask_id };
      known.tries[request.subtask_id] = { part: index };
      return { subtask: { subtask_params_json: JSON.stringify({ numbers: name }), resources: [name] } };
    });
  }

  function verify(request) {
    const task = taskOf(request);
    const id = request.subtask_id;
    const known = task.load();
    if (!Object.hasOwn(known.tries, id)) throw new Error(`unknown subtask ${id}`);
    const tried = known.tries[id];
    if (tried.refused) return { result: 'FAILURE', reason: tried.refused };
    const part = known.parts[tried.part];
    if (part.state !== 'done') {
      let reason;
      try {
        reason = judge(task, id, part.text);
      } catch (error) {
        reason = error.message;
      }
      if (reason) {
        task.change((now) => {
          now.tries[id].refused = reason;
          now.parts[tried.part] = { text: part.text, state: 'pending' };
        });
        task.removeFiles(id);
        return { result: 'FAILURE', reason };
      }
      // copied first and marked then: asked again after a crash between the two, it does the same again
      fs.copyFileSync(path.join(task.results(id), `${id}.json`), output(task, tried.part));
      task.change((now) => {
        now.parts[tried.part].state = 'done';
      });
    }
    task.removeFiles(id);
    return { result: 'SUCCESS', reason: '' };
  }

  function discardSubtasks(request) {
    const task = taskOf(request);
    const discarded = request.subtask_ids.filter((id) => giveBack(task, id, true));
    for (const id of discarded) task.removeFiles(id);
    return { discarded_subtask_ids: discarded };
  }

  function abortSubtask(request) {
    const task = taskOf(request);
    if (task.exists() && giveBack(task, request.subtask_id, false)) task.removeFiles(request.subtask_id);
  }

  function abortTask(request) {
    const task = taskOf(request);
    if (!task.exists()) return;
    const open = task.change((known) => {
      const ids = known.parts.filter((part) => part.state === 'open').map((part) => part.by);
      for (const id of ids) known.tries[id].refused = 'the task was aborted';
      known.parts = known.parts.map((part) => (part.state === 'done' ? part : { text: part.text, state: 'aborted' }));
      return ids;
    });
    for (const id of open) task.removeFiles(id);
  }

  return {
    handlers: {
      CreateTask: createTask,
      NextSubtask: nextSubtask,
      Verify: verify,
      DiscardSubtasks: discardSubtasks,
      RunBenchmark: async () => ({ score: await benchmark(stop) }),
      HasPendingSubtasks: (request) => ({
        has_pending_subtasks: taskOf(request).load().parts.some((part) => part.state === 'pending'),
      }),
      AbortTask: abortTask,
      AbortSubtask: abortSubtask,
    },
    lastCalls: [],
  };
}

module.exports = { requestorSide };
