// The provider's side: factorises the numbers of one subtask.
//
// Knows the provider's folders. Must not know tasks or other subtasks.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { factorise, readNumbers, benchmark } = require('./arithmetic');
const { readObject, segment } = require('./values');

function providerSide(workDir, stop) {
  async function compute(request) {
    const { numbers } = readObject(request.subtask_params_json, 'subtask parameters');
    const text = fs.readFileSync(path.join(workDir, 'subtask_inputs', segment(numbers, 'numbers')), 'utf8');
    const result = [];
    for (const number of readNumbers(text)) result.push((await factorise(number, stop)).map(String));
    const name = `${segment(request.subtask_id, 'subtask_id')}.json`;
    fs.writeFileSync(path.join(workDir, name), JSON.stringify(result));
    return { output_filepath: name };
  }

  return {
    handlers: { Compute: compute, RunBenchmark: async () => ({ score: await benchmark(stop) }) },
    lastCalls: ['Compute', 'RunBenchmark'],
  };
}

module.exports = { providerSide };
