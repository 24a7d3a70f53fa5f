/**
 * Every struct and enum of the contracts and of the framework types that they are made of, as Move declares them
 * ({@link parseDeclarations} reads it): abilities, type parameters, and fields by name in order. A field without a name
 * is `pos0`, `pos1`, …, and a struct without fields has the one that Move's compiler gives it.
 */
export const DATATYPE_DECLARATIONS = `
module std::option
  struct Option<T> has copy, drop, store { vec: vector<T> }

module std::string
  struct String has copy, drop, store { bytes: vector<u8> }

module std::ascii
  struct String has copy, drop, store { bytes: vector<u8> }

module std::type_name
  struct TypeName has copy, drop, store { name: ascii::String }

module std::uq64_64
  struct UQ64_64 has copy, drop, store { pos0: u128 }

module sui::object
  struct ID has copy, drop, store { bytes: address }
  struct UID has store { id: ID }

module sui::tx_context
  struct TxContext has drop { sender: address, tx_hash: vector<u8>, epoch: u64, epoch_timestamp_ms: u64,
    ids_created: u64 }

module sui::clock
  struct Clock has key { id: UID, timestamp_ms: u64 }

module sui::sui
  struct SUI has drop { dummy_field: bool }

module sui::balance
  struct Supply<phantom T> has store { value: u64 }
  struct Balance<phantom T> has store { value: u64 }

module sui::coin
  struct Coin<phantom T> has key, store { id: UID, balance: Balance<T> }
  struct TreasuryCap<phantom T> has key, store { id: UID, total_supply: Supply<T> }

module sui::vec_map
  struct VecMap<K: copy, V> has copy, drop, store { contents: vector<Entry<K, V>> }
  struct Entry<K: copy, V> has copy, drop, store { key: K, value: V }

module sui::vec_set
  struct VecSet<K: copy + drop> has copy, drop, store { contents: vector<K> }

module sui::table
  struct Table<phantom K: copy + drop + store, phantom V: store> has key, store { id: UID, size: u64 }

module sui::object_table
  struct ObjectTable<phantom K: copy + drop + store, phantom V: key + store> has key, store { id: UID, size: u64 }

module sui::bag
  struct Bag has key, store { id: UID, size: u64 }

module sui::object_bag
  struct ObjectBag has key, store { id: UID, size: u64 }

module sui::dynamic_field
  struct Field<Name: copy + drop + store, Value: store> has key { id: UID, name: Name, value: Value }

module sui::dynamic_object_field
  struct Wrapper<Name> has copy, drop, store { name: Name }

module sui::group_ops
  struct Element<phantom T> has copy, drop, store { bytes: vector<u8> }

module sui::bls12381
  struct G1 { dummy_field: bool }
  struct UncompressedG1 { dummy_field: bool }

module sui::package
  struct Publisher has key, store { id: UID, package: ascii::String, module_name: ascii::String }
  struct UpgradeCap has key, store { id: UID, package: ID, version: u64, policy: u8 }
  struct UpgradeTicket { cap: ID, package: ID, policy: u8, digest: vector<u8> }
  struct UpgradeReceipt { cap: ID, package: ID }

module sui::display
  struct Display<phantom T: key> has key, store { id: UID, fields: VecMap<String, String>, version: u16 }

module wal::wal
  struct WAL has drop { dummy_field: bool }
  struct ProtectedTreasury has key { id: UID }
  struct TreasuryCapKey has copy, drop, store { dummy_field: bool }

module walrus::display
  struct ObjectDisplay has key { id: UID, inner: ObjectBag }
  struct PublisherKey has copy, drop, store { dummy_field: bool }

module walrus::init
  struct INIT has drop { dummy_field: bool }
  struct InitCap has key, store { id: UID, publisher: Publisher }

module walrus::slashing
  struct SlashingProposal has drop, store { epoch: u32, node_id: ID, voting_weight: u16, voters: VecSet<ID> }
  struct SlashingManager has key { id: UID, slashing_candidates: Table<ID, SlashingProposal> }

module walrus::staking
  struct Staking has key { id: UID, version: u64, package_id: ID, new_package_id: Option<ID> }

module walrus::active_set
  struct ActiveSetEntry has copy, drop, store { node_id: ID, staked_amount: u64 }
  struct ActiveSet has copy, drop, store { max_size: u16, threshold_stake: u64, nodes: vector<ActiveSetEntry>,
    total_stake: u64 }

module walrus::apportionment_queue
  struct ApportionmentQueue<T> has drop { entries: vector<Entry<T>> }
  struct Entry<T> has drop { priority: UQ64_64, tie_breaker: u64, value: T }

module walrus::auth
  enum Authenticated has drop { Sender { pos0: address }, Object { pos0: ID } }
  enum Authorized has copy, drop, store { Address { pos0: address }, ObjectID { pos0: ID } }

module walrus::committee
  struct Committee has copy, drop, store { pos0: VecMap<ID, vector<u16>> }

module walrus::pool_exchange_rate
  enum PoolExchangeRate has copy, drop, store { Flat, Variable { wal_amount: u128, share_amount: u128 } }

module walrus::node_metadata
  struct NodeMetadata has copy, drop, store { image_url: String, project_url: String, description: String,
    extra_fields: VecMap<String, String> }

module walrus::pending_values
  struct PendingValues has copy, drop, store { pos0: VecMap<u32, u64> }

module walrus::staked_wal
  enum StakedWalState has copy, drop, store { Staked, Withdrawing { withdraw_epoch: u32 } }
  struct StakedWal has key, store { id: UID, state: StakedWalState, node_id: ID, principal: Balance<WAL>,
    activation_epoch: u32 }

module walrus::staking_inner
  enum EpochState has copy, drop, store { EpochChangeSync { pos0: u16 }, EpochChangeDone { pos0: u64 },
    NextParamsSelected { pos0: u64 } }
  struct StakingInnerV1 has store { n_shards: u16, epoch_duration: u64, first_epoch_start: u64, pools: ObjectTable<ID,
    StakingPool>, epoch: u32, active_set: ExtendedField<ActiveSet>, next_committee: Option<Committee>,
    committee: Committee, previous_committee: Committee, next_epoch_params: Option<EpochParams>,
    epoch_state: EpochState, next_epoch_public_keys: ExtendedField<VecMap<ID, Element<UncompressedG1>>> }

module walrus::staking_pool
  struct NewEpochCommissionBlockedForCollection has copy, drop, store { dummy_field: bool }
  enum PoolState has copy, drop, store { Active, Withdrawing { pos0: u32 }, Withdrawn }
  struct VotingParams has copy, drop, store { storage_price: u64, write_price: u64, node_capacity: u64 }
  struct StakingPool has key, store { id: UID, state: PoolState, voting_params: VotingParams,
    node_info: StorageNodeInfo, activation_epoch: u32, latest_epoch: u32, wal_balance: u64, num_shares: u64,
    pending_shares_withdraw: PendingValues, pre_active_withdrawals: PendingValues,
    pending_commission_rate: PendingValues, commission_rate: u16, exchange_rates: Table<u32, PoolExchangeRate>,
    pending_stake: PendingValues, rewards_pool: Balance<WAL>, commission: Balance<WAL>,
    commission_receiver: Authorized, governance_authorized: Authorized, extra_fields: Bag }

module walrus::storage_node
  struct StorageNodeInfo has store { name: String, node_id: ID, network_address: String,
    public_key: Element<UncompressedG1>, next_epoch_public_key: Option<Element<UncompressedG1>>,
    network_public_key: vector<u8>, metadata: ExtendedField<NodeMetadata> }
  struct StorageNodeCap has key, store { id: UID, node_id: ID, last_epoch_sync_done: u32,
    last_event_blob_attestation: Option<EventBlobAttestation>, deny_list_root: u256, deny_list_sequence: u64,
    deny_list_size: u64 }

module walrus::walrus_context
  struct WalrusContext has drop { epoch: u32, committee_selected: bool, committee: VecMap<ID, vector<u16>> }

module walrus::system
  struct System has key { id: UID, version: u64, package_id: ID, new_package_id: Option<ID> }

module walrus::blob
  struct Blob has key, store { id: UID, registered_epoch: u32, blob_id: u256, size: u64, encoding_type: u8,
    certified_epoch: Option<u32>, storage: Storage, deletable: bool }
  struct BlobIdDerivation has drop { encoding_type: u8, size: u64, root_hash: u256 }

module walrus::bls_aggregate
  struct BlsCommitteeMember has copy, drop, store { public_key: Element<UncompressedG1>, weight: u16, node_id: ID }
  struct BlsCommittee has copy, drop, store { members: vector<BlsCommitteeMember>, n_shards: u16, epoch: u32,
    total_aggregated_key: Element<G1> }
  enum RequiredWeight { Quorum, OneCorrectNode }

module walrus::epoch_parameters
  struct EpochParams has copy, drop, store { total_capacity_size: u64, storage_price_per_unit_size: u64,
    write_price_per_unit_size: u64 }

module walrus::event_blob
  struct EventBlobAttestation has copy, drop, store { checkpoint_sequence_num: u64, epoch: u32 }
  struct EventBlob has copy, drop, store { blob_id: u256, ending_checkpoint_sequence_number: u64 }
  struct EventBlobCertificationState has store { latest_certified_blob: Option<EventBlob>,
    aggregate_weight_per_blob: VecMap<EventBlob, u16> }

module walrus::events
  struct BlobRegistered has copy, drop { epoch: u32, blob_id: u256, size: u64, encoding_type: u8, end_epoch: u32,
    deletable: bool, object_id: ID }
  struct BlobCertified has copy, drop { epoch: u32, blob_id: u256, end_epoch: u32, deletable: bool, object_id: ID,
    is_extension: bool }
  struct BlobDeleted has copy, drop { epoch: u32, blob_id: u256, end_epoch: u32, object_id: ID, was_certified: bool }
  struct InvalidBlobID has copy, drop { epoch: u32, blob_id: u256 }
  struct EpochChangeStart has copy, drop { epoch: u32 }
  struct EpochChangeDone has copy, drop { epoch: u32 }
  struct ShardsReceived has copy, drop { epoch: u32, shards: vector<u16> }
  struct EpochParametersSelected has copy, drop { next_epoch: u32 }
  struct ShardRecoveryStart has copy, drop { epoch: u32, shards: vector<u16> }
  struct ContractUpgraded has copy, drop { epoch: u32, package_id: ID, version: u64 }
  struct RegisterDenyListUpdate has copy, drop { epoch: u32, root: u256, sequence_number: u64, node_id: ID }
  struct DenyListUpdate has copy, drop { epoch: u32, root: u256, sequence_number: u64, node_id: ID }
  struct DenyListBlobDeleted has copy, drop { epoch: u32, blob_id: u256 }
  struct ContractUpgradeProposed has copy, drop { epoch: u32, package_digest: vector<u8> }
  struct ContractUpgradeQuorumReached has copy, drop { epoch: u32, package_digest: vector<u8> }
  struct ProtocolVersionUpdated has copy, drop { epoch: u32, start_epoch: u32, protocol_version: u64 }
  struct PricesUpdated has copy, drop { epoch: u32, storage_price: u64, write_price: u64 }
  struct StoragePoolCreated has copy, drop { epoch: u32, storage_pool_id: ID, reserved_encoded_capacity_bytes: u64,
    start_epoch: u32, end_epoch: u32 }
  struct PooledBlobRegistered has copy, drop { epoch: u32, blob_id: u256, unencoded_size: u64, encoding_type: u8,
    deletable: bool, object_id: ID, storage_pool_id: ID }
  struct PooledBlobCertified has copy, drop { epoch: u32, blob_id: u256, deletable: bool, object_id: ID,
    storage_pool_id: ID }
  struct PooledBlobDeleted has copy, drop { epoch: u32, blob_id: u256, object_id: ID, was_certified: bool,
    storage_pool_id: ID }
  struct StoragePoolExtended has copy, drop { epoch: u32, storage_pool_id: ID, new_end_epoch: u32 }

module walrus::messages
  struct ProofOfPossessionMessage has drop { intent_type: u8, intent_version: u8, intent_app: u8, epoch: u32,
    sui_address: address, bls_key: vector<u8> }
  struct CertifiedMessage has drop { intent_type: u8, intent_version: u8, cert_epoch: u32, message: vector<u8>,
    stake_support: u16 }
  enum BlobPersistenceType has copy, drop { Permanent, Deletable { object_id: ID } }
  struct CertifiedBlobMessage has drop { blob_id: u256, blob_persistence_type: BlobPersistenceType }
  struct CertifiedInvalidBlobId has drop { blob_id: u256 }
  struct ProtocolVersionMessage has drop { start_epoch: u32, protocol_version: u64 }
  struct DenyListUpdateMessage has drop { storage_node_id: ID, deny_list_sequence_number: u64, deny_list_size: u64,
    deny_list_root: u256 }
  struct DenyListBlobDeleted has drop { blob_id: u256 }

module walrus::metadata
  struct Metadata has drop, store { metadata: VecMap<String, String> }

module walrus::shared_blob
  struct SharedBlob has key, store { id: UID, blob: Blob, funds: Balance<WAL> }

module walrus::storage_accounting
  struct FutureAccounting has store { epoch: u32, used_capacity: u64, rewards_to_distribute: Balance<WAL> }
  struct FutureAccountingRingBuffer has store { current_index: u32, length: u32,
    ring_buffer: vector<FutureAccounting> }

module walrus::storage_pool
  struct StoragePool has key, store { id: UID, version: u64 }
  struct StoragePoolInnerV1 has store { storage: Storage, used_encoded_bytes: u64, blob_count: u64,
    blobs: ObjectTable<u256, PooledBlob> }
  struct PooledBlob has key, store { id: UID, registered_epoch: u32, blob_id: u256, unencoded_size: u64,
    encoding_type: u8, certified_epoch: Option<u32>, storage_pool_id: ID, deletable: bool }

module walrus::storage_resource
  struct Storage has key, store { id: UID, start_epoch: u32, end_epoch: u32, storage_size: u64 }

module walrus::system_state_inner
  struct SystemStateInnerV1 has store { committee: BlsCommittee, total_capacity_size: u64, used_capacity_size: u64,
    storage_price_per_unit_size: u64, write_price_per_unit_size: u64, future_accounting: FutureAccountingRingBuffer,
    event_blob_certification_state: EventBlobCertificationState, deny_list_sizes: ExtendedField<VecMap<ID, u64>> }

module walrus::upgrade
  struct PackageDigest has copy, drop, store { pos0: vector<u8> }
  struct UpgradeProposal has drop, store { epoch: u32, digest: PackageDigest, version: u64, voting_weight: u16,
    voters: VecSet<ID> }
  struct UpgradeManager has key { id: UID, cap: UpgradeCap, upgrade_proposals: Table<PackageDigest, UpgradeProposal> }
  struct EmergencyUpgradeCap has key, store { id: UID, upgrade_manager_id: ID }

module walrus::extended_field
  struct ExtendedField<phantom T: store> has key, store { id: UID }
  struct Key has copy, drop, store { dummy_field: bool }

module wal_exchange::wal_exchange
  struct Exchange has key, store { id: UID, wal: Balance<WAL>, sui: Balance<SUI>, rate: ExchangeRate, admin: ID }
  struct AdminCap has key, store { id: UID }
  struct ExchangeRate has copy, drop, store { wal: u64, sui: u64 }

module subsidies::subsidies
  struct V3 { dummy_field: bool }
  struct AdminCap has key, store { id: UID, subsidies_id: ID }
  struct Subsidies has key, store { id: UID, buyer_subsidy_rate: u16, system_subsidy_rate: u16,
    subsidy_pool: Balance<WAL>, package_id: ID, version: u64 }
  struct CombinedPayment { payment: Coin<WAL>, initial_payment_value: u64, initial_pool_value: u64 }

module walrus_subsidies::epoch_balance
  struct EpochBalance has copy, drop, store { epoch: u32, balance: u64 }
  struct EpochBalanceRingBuffer has store { current_index: u32, ring_buffer: vector<EpochBalance> }

module walrus_subsidies::walrus_subsidies
  struct V1 { dummy_field: bool }
  struct V2 { dummy_field: bool }
  struct V3 { dummy_field: bool }
  struct SubsidiesInnerKey has copy, drop, store { dummy_field: bool }
  struct AdminCap has key, store { id: UID, subsidies_id: ID }
  struct WalrusSubsidies has key { id: UID, version: u64, package_id: ID }

module walrus_subsidies::walrus_subsidies_inner
  struct WalrusSubsidiesInnerV1 has store { system_subsidy_rate: u32, subsidy_pool: Balance<WAL>, base_subsidy: u64,
    subsidy_per_shard: u64, latest_epoch: u32, already_subsidized_balances: EpochBalanceRingBuffer,
    last_subsidized_ts: u64, extra_fields: Bag }

module blob_bucket::blob_bucket
  struct BlobBucket has key { id: UID, version: u64 }
  struct BlobBucketCap has key, store { id: UID, bucket_id: ID }

module blob_bucket::blob_bucket_inner_v1
  struct BlobBucketInnerV1 has store { storage_pool: StoragePool }
`;
