/**
 * Filters of queries and subscriptions, compiled to predicates. A filter is a disjunction of terms, a term a conjunction
 * of literals, a literal a predicate that may be negated. A transaction matches a predicate about events when any of its
 * events does.
 */
import type { GrpcTypes } from '@mysten/sui/grpc';
import { isFloeError } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import type { LedgerEvent, ObjectChange, TransactionRecord } from '../../api.ts';
import { requiredId, requiredType } from '../arguments.ts';
import { rpcErrors } from '../errors.ts';
import { rpcLimits } from '../limits.ts';

export type TransactionPredicate = (record: TransactionRecord) => boolean;
export type EventPredicate = (event: LedgerEvent) => boolean;

interface Filter<Literal> {
  readonly terms: readonly { readonly literals: readonly Literal[] }[];
}

/** The predicate of a filter; everything matches an absent one. @throws RPC_INVALID_FIELD, RPC_UNSUPPORTED */
export function compileTransactionFilter(filter: GrpcTypes.TransactionFilter | undefined): TransactionPredicate {
  return compile(filter, (literal: GrpcTypes.TransactionLiteral) => transactionPredicate(literal.predicate));
}

/** The predicate of a filter; everything matches an absent one. @throws RPC_INVALID_FIELD, RPC_UNSUPPORTED */
export function compileEventFilter(filter: GrpcTypes.EventFilter | undefined): EventPredicate {
  return compile(filter, (literal: GrpcTypes.EventFilter['terms'][number]['literals'][number]) =>
    eventPredicate(literal.predicate),
  );
}

function compile<Item, Literal extends { readonly negated: boolean }>(
  filter: Filter<Literal> | undefined,
  compileLiteral: (literal: Literal) => (item: Item) => boolean,
): (item: Item) => boolean {
  if (filter === undefined) return () => true;
  const count = filter.terms.reduce((sum, term) => sum + term.literals.length, 0);
  if (count > rpcLimits.filterLiterals) {
    throw invalid('filter', `${count} literals, at most ${rpcLimits.filterLiterals} are allowed`);
  }
  if (filter.terms.length === 0 || filter.terms.some((term) => term.literals.length === 0)) {
    throw invalid('filter', 'it has no term, or a term without a literal');
  }
  const terms = filter.terms.map((term) =>
    term.literals.map((literal) => ({ negated: literal.negated, matches: compileLiteral(literal) })),
  );
  return (item) => terms.some((term) => term.every(({ negated, matches }) => matches(item) !== negated));
}

function transactionPredicate(predicate: GrpcTypes.TransactionLiteral['predicate']): TransactionPredicate {
  switch (predicate.oneofKind) {
    case 'sender': {
      const address = requiredId('filter.sender.address', predicate.sender.address);
      return (record) => record.transaction.sender === address;
    }
    case 'affectedAddress': {
      const address = requiredId('filter.affected_address.address', predicate.affectedAddress.address);
      return (record) => affectedAddresses(record).has(address);
    }
    case 'affectedObject': {
      const id = requiredId('filter.affected_object.object_id', predicate.affectedObject.objectId);
      return (record) => record.effects.changedObjects.some((change) => change.id === id);
    }
    case 'moveCall': {
      const prefix = namePrefix('filter.move_call.function', predicate.moveCall.function, 3);
      return (record) =>
        record.transaction.commands.some(
          (command) =>
            command.kind === 'move-call' &&
            isWithin(prefix, `${command.package}::${command.module}::${command.function}`),
        );
    }
    case 'packageWrite':
      // The contracts are built in: no transaction publishes.
      return () => false;
    default: {
      const matches = eventPredicate(predicate);
      return (record) => record.events.some(matches);
    }
  }
}

function eventPredicate(
  predicate:
    | Exclude<GrpcTypes.TransactionLiteral['predicate'], { oneofKind: 'affectedAddress' }>
    | GrpcTypes.EventFilter['terms'][number]['literals'][number]['predicate'],
): EventPredicate {
  switch (predicate.oneofKind) {
    case 'sender': {
      const address = requiredId('filter.sender.address', predicate.sender.address);
      return (event) => event.sender === address;
    }
    case 'emitModule': {
      const prefix = namePrefix('filter.emit_module.module', predicate.emitModule.module, 2);
      return (event) => isWithin(prefix, `${event.packageId}::${event.module}`);
    }
    case 'eventType': {
      const prefix = typePrefix(predicate.eventType.eventType);
      return (event) => isWithin(prefix, event.type);
    }
    case undefined:
      throw invalid('filter', 'a literal has no predicate');
    default:
      throw rpcErrors.RPC_UNSUPPORTED({ what: `filtering by ${predicate.oneofKind}` });
  }
}

function affectedAddresses({ transaction, effects }: TransactionRecord): ReadonlySet<string> {
  const ownersOf = ({ input, output }: ObjectChange) =>
    [input?.owner, output?.owner].flatMap((owner) => (owner?.kind === 'address' ? [owner.address] : []));
  return new Set([transaction.sender, transaction.gas.owner, ...effects.changedObjects.flatMap(ownersOf)]);
}

/** `package`, `package::module` and so on, at most `maxParts` parts, with the address normalised. */
function namePrefix(field: string, text: string | undefined, maxParts: number): string {
  const [address, ...names] = (text ?? '').split('::');
  if (names.length >= maxParts || names.some((name) => !/^\w+$/.test(name))) {
    throw invalid(field, `${JSON.stringify((text ?? '').slice(0, 200))} is no package, module or function`);
  }
  try {
    return [parseObjectId(address ?? ''), ...names].join('::');
  } catch (error) {
    throw isFloeError(error) ? invalid(field, error.message) : error;
  }
}

function typePrefix(text: string | undefined): string {
  const parts = (text ?? '').split('::').length;
  return parts < 3 ? namePrefix('filter.event_type', text, 2) : requiredType('filter.event_type', text);
}

/** Whether `name` is `prefix` or lies under it, at a boundary of names. */
function isWithin(prefix: string, name: string): boolean {
  return name === prefix || name.startsWith(`${prefix}::`) || name.startsWith(`${prefix}<`);
}

function invalid(field: string, reason: string): Error {
  return rpcErrors.RPC_INVALID_FIELD({ field, reason });
}
