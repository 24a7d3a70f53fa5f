/** Real inputs: transactions that a random run sent, and a call of every method with what is on its chain. */
import type { TransactionRecord } from '../../../src/api.ts';
import { createLedgerDispatcher } from '../../../src/rpc/handler.ts';
import type { Dispatcher } from '../../../src/rpc/service.ts';
import { CLOCK_ID } from '../../../src/type-constants.ts';
import { GrpcTypes } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import { RandomRun } from '../random-run.ts';
import { addressOf, keypair } from '../world.ts';

/** A method's path and a message for it. */
export interface RealCall {
  readonly path: string;
  readonly message: Uint8Array;
}

export interface Corpus {
  readonly run: RandomRun;
  readonly dispatcher: Dispatcher;
  readonly records: readonly TransactionRecord[];
  readonly calls: readonly RealCall[];
}

interface Codec {
  readonly I: { toBinary(message: object): Uint8Array; create(value?: object): object };
}

const SERVICES = [
  GrpcTypes.LedgerService,
  GrpcTypes.StateService,
  GrpcTypes.TransactionExecutionService,
  GrpcTypes.MovePackageService,
  GrpcTypes.NameService,
  GrpcTypes.SubscriptionService,
] as const;

/** Decoders of the requests of every method. */
export const REQUEST_DECODERS = new Map<string, { fromBinary(bytes: Uint8Array, options: object): object }>(
  SERVICES.flatMap((service) =>
    service.methods.map((method) => [
      `${service.typeName}/${method.name}`,
      method.I as unknown as { fromBinary(bytes: Uint8Array, options: object): object },
    ]),
  ),
);

function callOf(service: (typeof SERVICES)[number], name: string, request: object): RealCall {
  const method = service.methods.find((candidate) => candidate.name === name) as unknown as Codec;
  return { path: `${service.typeName}/${name}`, message: method.I.toBinary(method.I.create(request)) };
}

export async function createCorpus(seed: number, steps: number): Promise<Corpus> {
  const run = await RandomRun.open(seed);
  const records: TransactionRecord[] = [];
  for (let i = 0; i < steps; i += 1) {
    const record = await run.step();
    if (record !== undefined) records.push(record);
  }
  const dispatcher = createLedgerDispatcher(run.world.ledger);
  const calls = [...readCalls(run, records), ...(await executionCalls(dispatcher, records))];
  return { run, dispatcher, records, calls };
}

function readCalls({ world }: RandomRun, records: readonly TransactionRecord[]): RealCall[] {
  const { genesis, walType } = world;
  const owner = addressOf(keypair(2));
  const digest = toBase58((records[0] as TransactionRecord).digest);
  const readMask = { paths: ['*'] };
  const literal = { negated: true, predicate: { oneofKind: 'sender', sender: { address: owner } } };
  const moveCall = { oneofKind: 'moveCall', moveCall: { function: `${genesis.walrusPackageId}::system` } };
  const eventType = { oneofKind: 'eventType', eventType: { eventType: `${genesis.walrusPackageId}::events` } };
  const filter = { terms: [{ literals: [literal, { negated: false, predicate: moveCall }] }] };
  const eventFilter = { terms: [{ literals: [{ negated: false, predicate: eventType }] }] };
  const range = { startCheckpoint: 1n, endCheckpoint: 9n, options: { limit: 3, ordering: 1 } };
  const { LedgerService, StateService, MovePackageService, NameService, SubscriptionService } = GrpcTypes;
  const name = { packageId: genesis.walrusPackageId, moduleName: 'blob', name: 'Blob' };
  return [
    callOf(LedgerService, 'GetServiceInfo', {}),
    callOf(LedgerService, 'GetObject', { objectId: genesis.systemObjectId, readMask }),
    callOf(LedgerService, 'BatchGetObjects', {
      requests: [{ objectId: CLOCK_ID }, { objectId: genesis.systemObjectId, version: 3n }],
      readMask: { paths: ['owner', 'contents', 'object_type'] },
    }),
    callOf(LedgerService, 'GetTransaction', { digest, readMask }),
    callOf(LedgerService, 'BatchGetTransactions', { digests: [digest], readMask: { paths: ['effects.status'] } }),
    callOf(LedgerService, 'GetCheckpoint', {
      checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: 1n },
      readMask,
    }),
    callOf(LedgerService, 'GetEpoch', { epoch: 0n, readMask }),
    callOf(LedgerService, 'ListCheckpoints', { ...range, filter, readMask: { paths: ['sequence_number'] } }),
    callOf(LedgerService, 'ListTransactions', { ...range, filter, readMask: { paths: ['digest'] } }),
    callOf(LedgerService, 'ListEvents', { ...range, filter: eventFilter, readMask }),
    callOf(StateService, 'ListOwnedObjects', { owner, objectType: '0x2::coin::Coin<0x2::sui::SUI>', pageSize: 2 }),
    callOf(StateService, 'ListDynamicFields', { parent: genesis.systemObjectId, pageSize: 2, readMask }),
    callOf(StateService, 'GetBalance', { owner, coinType: walType }),
    callOf(StateService, 'ListBalances', { owner, pageSize: 1 }),
    callOf(StateService, 'GetCoinInfo', { coinType: walType }),
    callOf(MovePackageService, 'GetPackage', { packageId: '0x2' }),
    callOf(MovePackageService, 'GetDatatype', name),
    callOf(MovePackageService, 'GetFunction', { ...name, name: 'burn' }),
    callOf(MovePackageService, 'ListPackageVersions', { packageId: '0x2', pageSize: 1 }),
    callOf(NameService, 'LookupName', { name: 'a.sui' }),
    callOf(NameService, 'ReverseLookupName', { address: owner }),
    callOf(SubscriptionService, 'SubscribeCheckpoints', {
      readMask: { paths: ['sequence_number', 'transactions'] },
      filter,
    }),
    callOf(SubscriptionService, 'SubscribeTransactions', { readMask, filter }),
    callOf(SubscriptionService, 'SubscribeEvents', { readMask, filter: eventFilter }),
  ];
}

/** Executions and simulations of what was sent, as bytes and as drafts that the ledger has to resolve. */
async function executionCalls(dispatcher: Dispatcher, records: readonly TransactionRecord[]): Promise<RealCall[]> {
  const service = GrpcTypes.TransactionExecutionService;
  const { signal } = new AbortController();
  const calls: RealCall[] = [];
  for (const { transactionBytes, signatures } of records.slice(-60)) {
    const transaction = { bcs: { value: transactionBytes } };
    const simulation = callOf(service, 'SimulateTransaction', {
      transaction,
      checks: GrpcTypes.SimulateTransactionRequest_TransactionChecks.DISABLED,
      readMask: { paths: ['transaction', 'command_outputs'] },
    });
    calls.push(
      simulation,
      callOf(service, 'ExecuteTransaction', {
        transaction,
        signatures: signatures.map((value) => ({ bcs: { value }, signature: { oneofKind: undefined } })),
      }),
    );
    try {
      const reply = await dispatcher.call(simulation.path, simulation.message, { signal });
      if (reply.kind !== 'unary') continue;
      const simulated = GrpcTypes.SimulateTransactionResponse.fromBinary(reply.message);
      const { sender, kind } = simulated.transaction?.transaction ?? {};
      // Only ids: the ledger looks the versions up, so that the draft stays good.
      if (kind?.data.oneofKind === 'programmableTransaction') {
        const { programmableTransaction: program } = kind.data;
        program.inputs = program.inputs.map((input) =>
          input.pure === undefined ? { objectId: input.objectId } : input,
        );
      }
      calls.push(callOf(service, 'SimulateTransaction', { transaction: { sender, kind }, doGasSelection: true }));
    } catch {
      // An input is gone by now: there is nothing to resolve.
    }
  }
  return calls;
}
