/**
 * What mutated inputs are fed to, and what must hold whatever they are: an answer or a refusal of the catalogue that blames
 * the input. Anything else is a finding.
 */
import { equalBytes, isFloeError, silentLogger } from '@floe/platform';
import { createGrpcWebHandler } from '../../../src/rpc/grpc-web.ts';
import { decodeBase64Text, encodeBase64Text } from '../../../src/rpc/base64-text.ts';
import { dataFrame, requestMessage } from '../../../src/rpc/frames.ts';
import type { ObjectRef } from '../../../src/api.ts';
import { decodeTransactionData, encodeTransactionData, type TransactionData } from '../../../src/transaction-data.ts';
import { CLOCK_ID } from '../../../src/type-constants.ts';
import { seededRandom } from '../../rpc/support/random.ts';
import { damage, splice } from './bytes.ts';
import { type Corpus, type RealCall, REQUEST_DECODERS } from './corpus.ts';
import { dearProgram, type SharedObjects } from './dear-programs.ts';
import { mutateMessage } from './protobuf-mutations.ts';
import { mutateTransaction } from './transaction-mutations.ts';

type Random = (bound: number) => number;
type Outcome = 'accepted' | 'refused';

export interface Target {
  readonly name: string;
  /** Of 1000 inputs. */
  readonly share: number;
  /** Feeds one input that `random` decides. @throws on a finding */
  feed(random: Random): Outcome | Promise<Outcome>;
}

const TO_BLAME = new Set(['invalid', 'not-found', 'conflict', 'unauthorized']);

function refusal(error: unknown): 'refused' {
  if (isFloeError(error) && TO_BLAME.has(error.kind)) return 'refused';
  throw error;
}

const oneOf = <T>(items: readonly T[], random: Random): T => items[random(items.length)] as T;

export function createTargets(corpus: Corpus): readonly Target[] {
  const { records, calls, run, dispatcher } = corpus;
  const { addresses } = run.world.ledger.chain;
  const transactions = records.map(({ transactionBytes }) => transactionBytes);
  const executions = calls.filter(({ path }) => path.endsWith('/ExecuteTransaction'));
  const simulations = calls.filter(({ path }) => path.endsWith('/SimulateTransaction'));
  const reads = calls.filter(({ path }) => !path.includes('TransactionExecutionService'));
  const handler = createGrpcWebHandler({
    dispatcher,
    logger: silentLogger,
    read: (pathname) =>
      pathname === '/' || pathname.endsWith('/health') ? Response.json({ status: 'ok' }) : undefined,
  });

  const structures = transactions.map((bytes) => decodeTransactionData(bytes));
  const transaction = (random: Random): Uint8Array => {
    const at = random(transactions.length);
    const bytes = transactions[at] as Uint8Array;
    switch (random(4)) {
      case 0:
        return damage(bytes, random);
      case 1:
        return splice(bytes, oneOf(transactions, random), random);
      default: {
        const [original, donor] = [structures[at] as TransactionData, oneOf(structures, random)];
        const mutated = mutateTransaction(original, donor, random, addresses);
        return encodable(mutated) ?? damage(bytes, random);
      }
    }
  };
  /** As above, with the versions that the chain has now, so that it is not refused before it runs. */
  const current = (random: Random): Uint8Array => {
    const mutated = mutateTransaction(oneOf(structures, random), oneOf(structures, random), random, addresses);
    return encodable(broughtUpToDate(corpus, mutated)) ?? transaction(random);
  };

  /** Every shared object that a transaction of the corpus named. */
  const shared: SharedObjects = new Map(
    structures.flatMap(({ inputs }) =>
      inputs.flatMap((input) => {
        const type = input.kind === 'shared' ? run.world.ledger.getObject(input.id)?.type : undefined;
        return input.kind === 'shared' && type !== undefined
          ? [[type, { ...input, mutable: input.id !== CLOCK_ID }]]
          : [];
      }),
    ),
  );

  const ids = structures.flatMap(({ inputs }) =>
    inputs.flatMap((input) => (input.kind === 'pure' && input.bytes.length === 32 ? [input.bytes] : [])),
  );

  const call = async ({ path, message }: RealCall): Promise<Outcome> => {
    // A subscription has no end of its own.
    const signal = path.includes('/Subscribe') ? AbortSignal.abort() : new AbortController().signal;
    try {
      const reply = await dispatcher.call(path, message, { signal });
      if (reply.kind === 'stream') {
        let frames = 0;
        for await (const _frame of reply.messages) {
          frames += 1;
          if (frames === 4) break;
        }
      }
      return 'accepted';
    } catch (error) {
      return refusal(error);
    }
  };

  return [
    {
      name: 'decode a transaction',
      share: 440,
      feed: (random) => decodeOnce(transaction(random)),
    },
    {
      name: 'decode a request',
      share: 320,
      feed: (random) => {
        const { path, message } = oneOf(calls, random);
        return decodeRequest(random(16) === 0 ? oneOf(calls, random).path : path, mutateMessage(message, random));
      },
    },
    {
      name: 'unwrap a frame',
      share: 201,
      feed: (random) => unwrap(oneOf(calls, random).message, random),
    },
    {
      name: 'answer a read',
      share: 22,
      feed: (random) => {
        const { path, message } = oneOf(reads, random);
        return call({ path, message: mutateMessage(message, random) });
      },
    },
    {
      name: 'answer over gRPC-Web',
      share: 3,
      feed: (random) => answerOverWeb(handler, oneOf(reads, random), random),
    },
    {
      name: 'simulate',
      share: 9,
      feed: (random) => {
        const { path, message } = oneOf(simulations, random);
        if (random(2) === 0) return call({ path, message: mutateMessage(message, random) });
        return simulate(corpus, current(random), random);
      },
    },
    {
      name: 'simulate what is made to be dear',
      share: 2,
      feed: (random) => {
        const made = dearProgram(oneOf(structures, random), random, { addresses, shared, ids });
        const bytes = encodable(broughtUpToDate(corpus, made));
        return bytes === undefined ? 'refused' : simulate(corpus, bytes, random);
      },
    },
    {
      name: 'execute with signatures of another transaction',
      share: 2,
      feed: async (random) => {
        const { path, message } = oneOf(executions, random);
        if (random(2) === 0) return call({ path, message: mutateMessage(message, random) });
        const record = oneOf(records, random);
        const bytes = transaction(random);
        const outcome = await executed(corpus, bytes, record.signatures);
        const isKnown = transactions.some((known) => equalBytes(known, bytes));
        if (outcome === 'accepted' && !isKnown) throw new Error('a transaction was executed that nobody signed');
        return outcome;
      },
    },
    {
      name: 'execute with good signatures',
      share: 1,
      feed: async (random) => {
        const bytes = current(random);
        const signature = await run.sign(bytes);
        return signature === undefined ? 'refused' : executed(corpus, bytes, [signature]);
      },
    },
  ];
}

function encodable(data: TransactionData): Uint8Array | undefined {
  try {
    return encodeTransactionData(data);
  } catch (error) {
    if (isFloeError(error)) return undefined;
    throw error;
  }
}

/** Owned inputs and gas as they are now. */
function broughtUpToDate({ run }: Corpus, data: TransactionData): TransactionData {
  const { ledger } = run.world;
  const latest = (ref: ObjectRef): ObjectRef => ledger.getObject(ref.id) ?? ref;
  const inputs = data.inputs.map((input) =>
    input.kind === 'owned' || input.kind === 'receiving' ? { ...input, ref: latest(input.ref) } : input,
  );
  const used = new Set(inputs.flatMap((input) => ('ref' in input ? [input.ref.id] : [])));
  return { ...data, inputs, gas: { ...data.gas, payment: ledger.gasCoins(data.gas.owner, used, 1) } };
}

function decodeOnce(bytes: Uint8Array): Outcome {
  try {
    const again = encodeTransactionData(decodeTransactionData(bytes));
    if (!equalBytes(again, bytes)) throw new Error('two encodings of one transaction were accepted');
    return 'accepted';
  } catch (error) {
    return refusal(error);
  }
}

/** As the service decodes: what its decoder throws of itself becomes a refusal there. */
function decodeRequest(path: string, message: Uint8Array): Outcome {
  try {
    REQUEST_DECODERS.get(path)?.fromBinary(message, { readUnknownField: false });
    return 'accepted';
  } catch (error) {
    if (error instanceof RangeError && /stack|array|length/i.test(error.message)) {
      const isOwn = /offset|bounds|premature/i.test(error.message);
      if (!isOwn) throw error;
    }
    return 'refused';
  }
}

function unwrap(message: Uint8Array, random: Random): Outcome {
  const frame = damage(dataFrame(message), random);
  const text = random(2) === 0 ? damage(encodeBase64Text(frame), random) : undefined;
  try {
    requestMessage(text === undefined ? frame : decodeBase64Text(text));
    return 'accepted';
  } catch (error) {
    return refusal(error);
  }
}

const TYPES = ['application/grpc-web-text', 'application/grpc-web', 'application/grpc-web+proto', 'text/html', ''];

async function answerOverWeb(
  handler: (request: Request) => Response | Promise<Response>,
  { path, message }: RealCall,
  random: Random,
): Promise<Outcome> {
  if (path.includes('/Subscribe')) return 'refused';
  const type = oneOf(TYPES, random);
  const frame = damage(dataFrame(mutateMessage(message, random)), random);
  const body = type.includes('text') ? encodeBase64Text(frame) : frame;
  const request = new Request(`http://ledger.test/${path}`, {
    method: 'POST',
    headers: type === '' ? {} : { 'content-type': type },
    body: body as Uint8Array<ArrayBuffer>,
  });
  const response = await handler(request);
  const answer = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) return 'refused';
  const status = trailerStatus(type.includes('text') ? decodeBase64Text(answer) : answer);
  if (status === undefined || status === 13 || status === 15) throw new Error(`gRPC status ${status}`);
  return status === 0 ? 'accepted' : 'refused';
}

/** The status in the last frame of an answer. */
function trailerStatus(answer: Uint8Array): number | undefined {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  for (let at = 0; at + 5 <= answer.length; at += 5 + view.getUint32(at + 1)) {
    if (answer[at] !== 0x80) continue;
    const text = new TextDecoder().decode(answer.subarray(at + 5));
    const status = /^grpc-status:(\d+)\r\n/.exec(text);
    return status === null ? undefined : Number(status[1]);
  }
  return undefined;
}

function simulate({ run }: Corpus, bytes: Uint8Array, random: Random): Outcome {
  try {
    run.world.ledger.simulate(bytes, { checks: random(2) === 0 ? 'enabled' : 'disabled' });
    return 'accepted';
  } catch (error) {
    return refusal(error);
  }
}

async function executed({ run }: Corpus, bytes: Uint8Array, signatures: readonly Uint8Array[]): Promise<Outcome> {
  try {
    await run.world.ledger.execute(bytes, signatures);
    return 'accepted';
  } catch (error) {
    return refusal(error);
  }
}

/** The chance of one input: the same seed and number give the same input on the same corpus. */
export function chanceOf(seed: number, input: number): Random {
  return seededRandom(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(input + 1, 0x85eb_ca6b));
}

/** The target of an input, by the shares of all. */
export function targetOf(targets: readonly Target[], random: Random): Target {
  const total = targets.reduce((sum, { share }) => sum + share, 0);
  let at = random(total);
  for (const target of targets) {
    if (at < target.share) return target;
    at -= target.share;
  }
  throw new Error('shares that do not add up');
}
