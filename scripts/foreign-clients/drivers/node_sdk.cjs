// Drives the npm package `@bitmartexchange/bitmart-node-sdk-api` and writes what it tells its user, one JSON object a
// line.
//
//   node node_sdk.cjs '{"endpoints":{…},"topics":{…},"key":…,"secret":…,"memo":…}'
//
// The package takes the URL as an argument. It knows no topics: as its README has it, the user's open callback logs in
// and sends the requests.

'use strict';

const fs = require('node:fs');
const readline = require('node:readline');

const { BitmartFuturesWebsocket, BitmartSpotWebsocket } = require('@bitmartexchange/bitmart-node-sdk-api');

const began = process.hrtime.bigint();
function say(kind, endpoint, fields) {
  const at = Number(process.hrtime.bigint() - began) / 1e9;
  fs.writeSync(1, `${JSON.stringify({ at, kind, endpoint, ...fields })}\n`);
}
process.on('uncaughtException', (error) => {
  say('crash', null, { what: `uncaught exception: ${error.message}` });
  process.exit(70);
});

const plan = JSON.parse(process.argv[2]);
const clients = {};

function request(endpoint, verb, topics) {
  const key = endpoint.startsWith('spot/') ? 'op' : 'action';
  // Twenty topics are the most that one request may have.
  for (let from = 0; from < topics.length; from += 20) {
    say('call', endpoint, { name: verb });
    clients[endpoint].send(JSON.stringify({ [key]: verb, args: topics.slice(from, from + 20) }));
  }
}

for (const [endpoint, topics] of Object.entries(plan.topics)) {
  const logAt = (level) => (...params) => say('log', endpoint, { level, text: params.map(String).join(' ') });
  const Client = endpoint.startsWith('spot/') ? BitmartSpotWebsocket : BitmartFuturesWebsocket;
  clients[endpoint] = new Client(plan.endpoints[endpoint], {
    apiKey: plan.key,
    apiSecret: plan.secret,
    apiMemo: plan.memo,
    logger: { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') },
    callbacks: {
      open: (client) => {
        say('told', endpoint, { name: 'open', detail: {} });
        if (endpoint.endsWith('/private')) {
          say('call', endpoint, { name: 'login' });
          client.login();
        }
        request(endpoint, 'subscribe', topics);
      },
      close: () => say('told', endpoint, { name: 'close', detail: {} }),
      error: () => say('told', endpoint, { name: 'error', detail: {} }),
      ping: () => say('told', endpoint, { name: 'ping', detail: {} }),
      pong: () => say('pong', endpoint, {}),
      message: (text) => say('told', endpoint, { name: 'message', detail: JSON.parse(text) }),
    },
  });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  if (command.do === 'unsubscribe') {
    request(command.endpoint, 'unsubscribe', command.topics);
  }
}).on('close', () => process.exit(0));
