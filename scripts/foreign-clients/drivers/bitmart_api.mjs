// Drives the npm package `bitmart-api` and writes what it tells its user, one JSON object a line.
//
//   node bitmart_api.mjs '{"hosts":{…},"topics":{…},"key":…,"secret":…,"memo":…,"demo":false}'
//
// One WebsocketClient serves all endpoints, under the exchange's own host names: the agent below, an option of the
// package made for proxies, takes each of them to the simulator instead.

import fs from 'node:fs';
import https from 'node:https';
import readline from 'node:readline';
import tls from 'node:tls';

import { WebsocketClient } from 'bitmart-api';

const WS_KEYS = {
  'spot/public': 'spotPublicV1',
  'spot/private': 'spotPrivateV1',
  'futures/public': 'futuresPublicV2',
  'futures/private': 'futuresPrivateV2',
};
const ENDPOINTS = Object.fromEntries(Object.entries(WS_KEYS).map(([endpoint, wsKey]) => [wsKey, endpoint]));

const began = process.hrtime.bigint();
function say(kind, endpoint, fields) {
  const at = Number(process.hrtime.bigint() - began) / 1e9;
  fs.writeSync(1, `${JSON.stringify({ at, kind, endpoint, ...fields })}\n`);
}
process.on('uncaughtException', (error) => {
  say('crash', null, { what: `uncaught exception: ${error.message}` });
  process.exit(70);
});
process.on('unhandledRejection', (reason) => {
  say('crash', null, { what: `unhandled rejection: ${reason?.message ?? reason}` });
  process.exit(70);
});

const plan = JSON.parse(process.argv[2]);

class ToSimulator extends https.Agent {
  createConnection(options, onConnect) {
    const port = plan.hosts[options.host];
    if (port === undefined) {
      throw new Error(`no simulator stands for ${options.host}`);
    }
    say('dialled', null, { host: options.host });
    const socket = tls.connect({ host: 'localhost', port, servername: 'localhost' });
    if (onConnect) {
      socket.once('secureConnect', () => onConnect(null, socket));
      socket.once('error', onConnect);
      return undefined;
    }
    return socket;
  }
}

function firstText(params) {
  const texts = params.map((param) => (param instanceof Error ? param.message : param));
  return texts.find((text) => typeof text === 'string') ?? '';
}
const logAt = (level) => (...params) => {
  const text = firstText(params);
  const context = params.find((p) => p && typeof p === 'object' && 'wsKey' in p);
  const endpoint = ENDPOINTS[context?.wsKey] ?? null;
  if (text.startsWith('Received PONG') || text.startsWith('Received pong')) {
    say('pong', endpoint, {});
  } else if (level !== 'trace') {
    say('log', endpoint, { level, text });
  }
};
const logger = { trace: logAt('trace'), info: logAt('info'), error: logAt('error') };

const client = new WebsocketClient(
  {
    apiKey: plan.key,
    apiSecret: plan.secret,
    apiMemo: plan.memo,
    demoTrading: plan.demo === true,
    wsOptions: { agent: new ToSimulator() },
  },
  logger,
);

for (const name of ['open', 'reconnect', 'reconnected', 'close', 'authenticated', 'response', 'update', 'exception']) {
  client.on(name, (event) => {
    const { wsKey, ws, event: inner, wsUrl, isWSAPIResponse, target, ...message } = event ?? {};
    // `event` is the package's own field on connection events and the exchange's on replies.
    const detail = typeof inner === 'string' ? { event: inner, ...message } : message;
    if (inner && typeof inner === 'object' && inner.code !== undefined) {
      detail.code = inner.code;
    }
    if (detail.error instanceof Error) {
      detail.error = detail.error.message;
    }
    say('told', ENDPOINTS[wsKey] ?? null, { name, detail });
  });
}

for (const [endpoint, topics] of Object.entries(plan.topics)) {
  const market = endpoint.split('/')[0];
  if (topics.length) {
    say('call', endpoint, { name: 'subscribe' });
    for (const promise of client.subscribe(topics, market)) {
      promise.catch((error) => {
        say('told', endpoint, { name: 'subscribe rejected', detail: { message: error.message } });
      });
    }
  } else {
    say('call', endpoint, { name: 'connect' });
    client.connect(WS_KEYS[endpoint]);
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  if (command.do === 'unsubscribe') {
    say('call', command.endpoint, { name: 'unsubscribe' });
    client.unsubscribe(command.topics, command.endpoint.split('/')[0]);
  }
}).on('close', () => process.exit(0));
