/**
 * Names of the contracts' abort codes, by module. The VM's own failures (overflow, a failed cast) are not aborts of a
 * module and have no code here. Walrus rules: error codes; framework aborts that surface.
 */
const names = (...constants: readonly string[]): Readonly<Record<number, string>> =>
  Object.fromEntries(constants.entries());

/** Walrus modules: code to constant. */
export const abortCodes: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  init: names('EInvalidMigration', 'EInvalidUpgradeCap', 'EDeprecatedFunction'),
  system: names('EInvalidMigration', 'EWrongVersion', 'EZeroExtractSize'),
  system_state_inner: names(
    'EInvalidMaxEpochsAhead',
    'EStorageExceeded',
    'EInvalidEpochsAhead',
    'EInvalidIdEpoch',
    'EIncorrectCommittee',
    'EInvalidAccountingEpoch',
    'EIncorrectAttestation',
    'ERepeatedAttestation',
    'ENotCommitteeMember',
    'EIncorrectDenyListSequence',
    'EIncorrectDenyListNode',
    'EInvalidResourceSize',
    'EInvalidStartEpoch',
  ),
  storage_resource: names('EInvalidEpoch', 'EIncompatibleEpochs', 'EIncompatibleAmount', 'EInvalidEpochRange'),
  storage_accounting: names('ETooFarInFuture'),
  blob: {
    0: 'ENotCertified',
    1: 'EBlobNotDeletable',
    2: 'EResourceBounds',
    3: 'EResourceSize',
    5: 'EAlreadyCertified',
    6: 'EInvalidBlobId',
    7: 'EDuplicateMetadata',
    8: 'EMissingMetadata',
    9: 'EInvalidBlobPersistenceType',
    10: 'EInvalidBlobObject',
  },
  storage_pool: names(
    'EBlobNotDeletable',
    'EResourceBounds',
    'EAlreadyCertified',
    'EInvalidBlobId',
    'EInvalidBlobPersistenceType',
    'EInvalidBlobObject',
    'EInsufficientCapacity',
    'EPoolNotEmpty',
    'EInvalidBlobSize',
    'EInvalidBlobCount',
    'EWrongVersion',
    'EIncompatibleEndEpoch',
    'EDuplicateMetadata',
    'EMissingMetadata',
    'EInvalidPercent',
  ),
  event_blob: names('EInvalidSequenceNumber'),
  encoding: names('EInvalidEncodingType'),
  bls_aggregate: names('EInvalidBitmap', 'ESigVerification', 'ENotEnoughStake', 'EIncorrectCommittee'),
  messages: names(
    'EIncorrectAppId',
    'EIncorrectEpoch',
    'EInvalidMsgType',
    'EIncorrectIntentVersion',
    'EInvalidBlobPersistenceType',
    'ENotDeletable',
    'EInvalidKeyLength',
  ),
  staking: names('EInvalidMigration', 'EWrongVersion', 'EDeprecatedFunction'),
  staking_inner: names(
    'EWrongEpochState',
    'EInvalidSyncEpoch',
    'EDuplicateSyncDone',
    'ENoStake',
    'ENotInCommittee',
    'ECommitteeSelected',
    'ENextCommitteeIsEmpty',
    'EInvalidNodeWeight',
    'EPoolNotFound',
    'EZeroNodeWeight',
    'EIncorrectNodeOrder',
  ),
  staking_pool: names(
    'EPoolAlreadyUpdated',
    'ECalculationError',
    'EIncorrectEpochAdvance',
    'EPoolNotEmpty',
    'EInvalidProofOfPossession',
    'EPoolAlreadyWithdrawing',
    'EPoolIsNotActive',
    'EZeroStake',
    'ENotStaked',
    'EIncorrectPoolId',
    'ENotWithdrawing',
    'EWithdrawEpochNotReached',
    'EActivationEpochNotReached',
    'EWithdrawDirectly',
    'EIncorrectCommissionRate',
    'EAuthorizationFailure',
    'EInvalidNetworkAddressLength',
    'EInvalidNameLength',
    'EZeroShares',
  ),
  staked_wal: {
    0: 'ENotWithdrawing',
    1: 'EMetadataMismatch',
    2: 'EInvalidAmount',
    6: 'EAlreadyWithdrawing',
    7: 'EStakeBelowThreshold',
  },
  storage_node: names('EInvalidNetworkPublicKey'),
  pool_exchange_rate: names('EInvalidRate'),
  pending_values: names('EMissingEpochValue', 'EReduceValueTooLarge'),
  active_set: names('EZeroMaxSize', 'EDuplicateInsertion'),
  apportionment_queue: names('EPopFromEmptyHeap'),
  committee: names('EInvalidShardAssignment'),
  upgrade: names(
    'EInvalidUpgradeManager',
    'ENotAuthorized',
    'EDuplicateVote',
    'EInvalidPackageDigest',
    'ENoProposalForDigest',
    'EWrongEpoch',
    'ENotEnoughVotes',
    'EWrongVersion',
  ),
  slashing: names('ENotAuthorized', 'EDuplicateVote', 'ENoProposalForNode', 'EWrongEpoch', 'ENotEnoughVotes'),
  subsidies: names('EInvalidSubsidyRate', 'EUnauthorizedAdminCap', 'EWrongVersion'),
  walrus_subsidies: names('EUnauthorizedAdminCap', 'EWrongVersion', 'EInvalidMigration'),
  walrus_subsidies_inner: names('EInvalidSubsidyRate', 'EInsufficientFundsInPool'),
  epoch_balance: names('EIndexOutOfBounds'),
  wal_exchange: names(
    'EInsufficientFundsInExchange',
    'EInsufficientInputBalance',
    'EUnauthorizedAdminCap',
    'EInvalidExchangeRate',
  ),
  blob_bucket: names('EInvalidBlobBucketCap', 'EWrongVersion'),
  blob_bucket_inner_v1: names('EBlobBucketStorageExpired'),
};

/** Framework modules (`0x1`, `0x2`): code to constant. */
export const frameworkAbortCodes: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  balance: names('ENonZero', 'EOverflow', 'ENotEnough'),
  coin: names('EBadWitness', 'EInvalidArg', 'ENotEnough'),
  dynamic_field: names('EFieldAlreadyExists', 'EFieldDoesNotExist', 'EFieldTypeMismatch'),
  vec_map: names('EKeyAlreadyExists', 'EKeyDoesNotExist'),
  bcs: names('EOutOfRange'),
  package: names('ENotOneTimeWitness', 'ETooPermissive', 'EAlreadyAuthorized', 'ENotAuthorized', 'EWrongUpgradeCap'),
  transfer: names('ESharedNonNewObject'),
  option: { 0x40000: 'EOPTION_IS_SET', 0x40001: 'EOPTION_NOT_SET' },
  string: { 1: 'EInvalidUTF8' },
};

/** The constant behind an abort code; undefined when the module declares none of that value. */
export function abortName(module: string, code: bigint, framework = false): string | undefined {
  const codes = (framework ? frameworkAbortCodes : abortCodes)[module];
  return codes?.[Number(code)];
}

/** The code of a module's constant. Throws when there is none: a wrong name is a bug. */
export function abortCode(module: string, constant: string, framework = false): bigint {
  const codes = (framework ? frameworkAbortCodes : abortCodes)[module] ?? {};
  const entry = Object.entries(codes).find(([, name]) => name === constant);
  if (entry === undefined) throw new TypeError(`Module ${module} has no abort code ${constant}`);
  return BigInt(entry[0]);
}
