// The JavaScript client of A2A 0.3: it is given a card's address, a binding and a key, and prints what it saw as one
// JSON document.
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import {
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  createAuthenticatingFetchWithRetry,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';

const asked = JSON.parse(readFileSync(0, 'utf8'));
const bearer = { authorization: `Bearer ${asked.key}` };
const authenticated = createAuthenticatingFetchWithRetry(fetch, {
  headers: async () => bearer,
  shouldRetryWithHeaders: async () => undefined,
});
const transports = {
  JSONRPC: new JsonRpcTransportFactory({ fetchImpl: authenticated }),
  GRPC: new GrpcTransportFactory(),
};
const resolver = new DefaultAgentCardResolver({ fetchImpl: authenticated });
const factory = new ClientFactory(
  ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [transports[asked.binding]],
    preferredTransports: [asked.binding],
    cardResolver: resolver,
  })
);

// Over gRPC the SDK can send no null.
function withoutNull(data) {
  return { ...data, deep: data.deep.filter((each) => each !== null) };
}

// A part, which is told as A2A 1.0 has it, as 0.3 has it.
function part(said) {
  if ('text' in said) return { kind: 'text', text: said.text };
  if ('data' in said) return { kind: 'data', data: asked.binding === 'GRPC' ? withoutNull(said.data) : said.data };
  return { kind: 'file', file: { bytes: said.raw, mimeType: said.mediaType, name: said.filename } };
}

function request(parts, follows, atOnce) {
  const names = follows ? { taskId: follows.id, contextId: follows.contextId } : {};
  const message = { kind: 'message', messageId: randomUUID(), role: 'user', parts: parts.map(part), ...names };
  return { message, configuration: { blocking: !atOnce } };
}

async function failure(call) {
  try {
    return { result: await call };
  } catch (error) {
    const told = error.errorResponse?.error;
    const { name } = error.constructor;
    return { code: told?.code ?? error.code, name, reason: told?.data?.reason, message: error.message };
  }
}

// Over gRPC a card of A2A 0.3 says nowhere whom of those behind one address is meant. Both are read from the interface
// of 1.0, and the target goes along as metadata.
async function opened(address) {
  const card = await resolver.resolve(`${address}/`);
  if (asked.binding !== 'GRPC') {
    return { card, client: await factory.createFromAgentCard(card), options: { serviceParameters: bearer } };
  }
  const { url, tenant } = card.supportedInterfaces.find((each) => each.protocolBinding === 'GRPC');
  const client = await factory.createFromAgentCard({ ...card, url, preferredTransport: 'GRPC' });
  const named = tenant ? { 'meshgate-target': tenant } : {};
  return { card, client, options: { serviceParameters: { ...bearer, ...named } } };
}

async function all(events) {
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const { card, client, options } = await opened(asked.card);
const send = async (...given) => client.sendMessage(request(...given), options);

const unary = await send(asked.says.unary);
const stream = await all(client.sendMessageStream(request(asked.says.stream), options));
const asking = await send(asked.says.ask);
const answered = await send(asked.says.answer, asking);
const read = await client.getTask({ id: unary.id }, options);
const waiting = await send(asked.says.wait, undefined, true);
// The task is cancelled once the first event of its subscription has come.
const watched = [];
let cancelled;
for await (const event of client.resubscribeTask({ id: waiting.id }, options)) {
  watched.push(event);
  if (watched.length === 1) cancelled = await client.cancelTask({ id: waiting.id }, options);
}
const failed = await send(asked.says.fail);
const unknown = await failure(client.getTask({ id: asked.unknown }, options));
const ended = await failure(client.cancelTask({ id: unary.id }, options));
const lost = request(asked.says.unary, { id: asked.unknown });
const unsent = await failure(client.sendMessage(lost, options));
const unstreamed = await failure(client.sendMessageStream(lost, options).next());
// The same client as before, but what authenticates is what is said with the call.
const locked = { serviceParameters: { ...options.serviceParameters, authorization: 'Bearer no-key' } };
const unopened = await failure(client.sendMessage(request(asked.says.unary), locked));
const greeter = await opened(asked.herald);
const greeting = await greeter.client.sendMessage(request(asked.says.greet), greeter.options);
const greetings = await all(greeter.client.sendMessageStream(request(asked.says.greet), greeter.options));

console.log(
  JSON.stringify({
    card,
    binding: asked.binding,
    unary: [unary],
    stream,
    turns: [[asking], [answered]],
    get: read,
    cancel: [waiting, cancelled],
    subscribe: watched,
    failed,
    message: [[greeting], greetings],
    errors: { unknown, ended, key: unopened, unary: unsent, stream: unstreamed },
  })
);
