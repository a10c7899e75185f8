// The stock JavaScript client: it is given a card's address, a binding and a key, and prints what it saw as one JSON
// document.
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import {
  AgentCard,
  CancelTaskRequest,
  GetTaskRequest,
  ListTasksRequest,
  Message,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
} from '@a2a-js/sdk';
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
const factory = new ClientFactory(
  ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [transports[asked.binding]],
    preferredTransports: [asked.binding],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl: authenticated }),
  })
);
const options = { serviceParameters: bearer };

function request(parts, follows, atOnce) {
  const names = follows ? { taskId: follows.id, contextId: follows.contextId } : {};
  return SendMessageRequest.fromJSON({
    message: { messageId: randomUUID(), role: 'ROLE_USER', parts, ...names },
    configuration: { returnImmediately: atOnce ?? false },
  });
}

async function failure(call) {
  try {
    return { result: await call };
  } catch (error) {
    return { code: error.envelopeCode ?? error.code, name: error.name, reason: error.reason, message: error.message };
  }
}

// The resolver resolves the card's path against the base, so the base ends with a slash.
const client = await factory.createFromUrl(`${asked.card}/`);
const send = async (...given) => client.sendMessage(request(...given), options);

const unary = await send(asked.says.unary);
const stream = [];
for await (const event of client.sendMessageStream(request(asked.says.stream), options)) {
  stream.push(StreamResponse.toJSON(event));
}
const asking = await send(asked.says.ask);
const answered = await send(asked.says.answer, asking);
const read = await client.getTask(GetTaskRequest.fromJSON({ id: unary.id }), options);
const waiting = await send(asked.says.wait, undefined, true);
// The task is cancelled once the first event of its subscription has come.
const watched = [];
let cancelled;
for await (const event of client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id: waiting.id }), options)) {
  watched.push(StreamResponse.toJSON(event));
  if (watched.length === 1) {
    cancelled = await client.cancelTask(CancelTaskRequest.fromJSON({ id: waiting.id }), options);
  }
}
const failed = await send(asked.says.fail);
const listing = ListTasksRequest.fromJSON({ contextId: asking.contextId });
const listed = (await client.listTasks(listing, options)).tasks;
const unknown = await failure(client.getTask(GetTaskRequest.fromJSON({ id: asked.unknown }), options));
const ended = await failure(client.cancelTask(CancelTaskRequest.fromJSON({ id: unary.id }), options));
const greeter = await factory.createFromUrl(`${asked.herald}/`);
const greeting = await greeter.sendMessage(request(asked.says.greet), options);
const greetings = [];
for await (const event of greeter.sendMessageStream(request(asked.says.greet), options)) {
  greetings.push(StreamResponse.toJSON(event));
}
// The same client as before, but what authenticates is what is said with the call.
const locked = { serviceParameters: { authorization: 'Bearer no-key' } };
const unopened = await failure(client.sendMessage(request(asked.says.unary), locked));
const lost = request(asked.says.unary, { id: asked.unknown });
const unsent = await failure(client.sendMessage(lost, options));
const unstreamed = await failure(client.sendMessageStream(lost, options).next());

const task = (one) => ({ task: Task.toJSON(one) });
console.log(
  JSON.stringify({
    card: AgentCard.toJSON(await client.getAgentCard(options)),
    binding: client.transport.protocolName,
    unary: [task(unary)],
    stream,
    turns: [[task(asking)], [task(answered)]],
    get: Task.toJSON(read),
    cancel: [task(waiting), Task.toJSON(cancelled)],
    subscribe: watched,
    failed: Task.toJSON(failed),
    listed: listed.map(({ id, contextId }) => ({ id, contextId })),
    message: [[{ message: Message.toJSON(greeting) }], greetings],
    errors: { unknown, ended, key: unopened, unary: unsent, stream: unstreamed },
  })
);
