// The command of the image: `requestor PORT` or `provider PORT`. It serves one side of the app until Shutdown, SIGTERM, or, on the
// provider's side, until its one request is answered.
//
// Knows arguments, variables, addresses and how a service ends. Must not know what the app does.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { HealthImplementation } = require('grpc-health-check');
const { requestorSide } = require('./requestor');
const { providerSide } = require('./provider');
const { StopSignal } = require('./stop');

const SIDES = { requestor: ['RequestorApp', requestorSide], provider: ['ProviderApp', providerSide] };
const LAST_WORDS_MS = 2000; // for replies that are on their way when the service ends

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

function readArguments() {
  const [side, port] = process.argv.slice(2);
  if (!Object.hasOwn(SIDES, side ?? '') || !/^\d{1,5}$/.test(port ?? '') || Number(port) > 65535) {
    fail('usage: (requestor|provider) PORT');
  }
  const workDir = process.env.CLAYNET_WORK_DIR || '/golem/work';
  if (!fs.statSync(workDir, { throwIfNoEntry: false })?.isDirectory()) {
    fail(`no work dir ${workDir}`);
  }
  const socket = process.env.CLAYNET_SOCKET;
  const addresses = [];
  if (Number(port) !== 0) addresses.push(`0.0.0.0:${port}`);
  if (socket) addresses.push(`unix:${socket}`);
  if (addresses.length === 0) {
    fail('nowhere to listen: the port is 0 and CLAYNET_SOCKET is not set');
  }
  return { side, workDir, addresses };
}

// The Task API wants an exception's text under the status INTERNAL, whatever the exception.
function answering(handler, onAnswered) {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handler(call.request))
      .then(
        (reply) => callback(null, reply ?? {}),
        (error) => callback({ code: grpc.status.INTERNAL, details: error.message || String(error) }),
      )
      .finally(() => setImmediate(onAnswered));
  };
}

async function main() {
  const { side, workDir, addresses } = readArguments();
  const [serviceName, makeSide] = SIDES[side];
  const definition = protoLoader.loadSync(path.join(__dirname, 'golem_task_api.proto'), { keepCase: true, defaults: true, enums: String });
  const service = grpc.loadPackageDefinition(definition).golem_task_api[serviceName].service;
  const server = new grpc.Server();
  const health = new HealthImplementation({ '': 'NOT_SERVING' });
  const stop = new StopSignal();

  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    stop.set();
    health.setStatus('', 'NOT_SERVING');
    const force = setTimeout(() => process.exit(0), LAST_WORDS_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      process.exit(0);
    });
  };

  const { handlers, lastCalls } = makeSide(workDir, stop);
  const nothing = () => {};
  const implementation = { Shutdown: answering(async () => ({}), end) };
  for (const [name, handler] of Object.entries(handlers)) {
    implementation[name] = answering(handler, lastCalls.includes(name) ? end : nothing);
  }
  server.addService(service, implementation);
  health.addToServer(server);
  for (const address of addresses) {
    await new Promise((resolve, reject) => {
      server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
    });
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, end);
  health.setStatus('', 'SERVING');
  process.stderr.write(`factors: serving the ${side} side at ${addresses.join(' and ')}\n`);
}

main().catch((error) => fail(error.message));
