// The JavaScript client of A2A 0.3: it is given a card's address and a key, and prints what it saw as one JSON
// document.
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransport } from '@a2a-js/sdk/client';

const asked = JSON.parse(readFileSync(0, 'utf8'));
const fetchImpl = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${asked.key}` } });
const parts = [{ kind: 'text', text: 'shout hello' }];
const message = { kind: 'message', messageId: randomUUID(), role: 'user', parts };

async function failure(call) {
  try {
    return { result: await call() };
  } catch (error) {
    return { name: error.name, code: error.errorResponse?.error.code, message: error.message };
  }
}

// First as its own documents show it, from the card; then at the same address, without one.
const transport = new JsonRpcTransport({ endpoint: asked.card, fetchImpl });
console.log(
  JSON.stringify({
    errors: {
      card: await failure(async () => {
        const card = await new DefaultAgentCardResolver({ fetchImpl }).resolve(`${asked.card}/`);
        return (await new ClientFactory().createFromAgentCard(card)) && 'a client';
      }),
      unary: await failure(() => transport.sendMessage({ message })),
      stream: await failure(() => transport.sendMessageStream({ message }).next()),
      unknown: await failure(() => transport.getTask({ id: asked.unknown })),
    },
  })
);
