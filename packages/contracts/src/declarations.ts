/**
 * What can be called, as Move declares it ({@link parseDeclarations} reads it): every public function of Walrus and of
 * the packages beside it, and those of the framework that transactions use.
 */
export const DECLARATIONS = `
module std::option
  fun none<T>(): Option<T>
  fun some<T>(T): Option<T>
  fun is_none<T>(&Option<T>): bool
  fun is_some<T>(&Option<T>): bool
  fun destroy_none<T>(Option<T>)
  fun destroy_some<T>(Option<T>): T

module std::string
  fun utf8(vector<u8>): String

module sui::clock
  fun timestamp_ms(&Clock): u64

module sui::balance
  fun value<T>(&Balance<T>): u64
  fun zero<T>(): Balance<T>
  fun join<T>(&mut Balance<T>, Balance<T>): u64
  fun split<T>(&mut Balance<T>, u64): Balance<T>
  fun withdraw_all<T>(&mut Balance<T>): Balance<T>
  fun destroy_zero<T>(Balance<T>)

module sui::coin
  fun value<T>(&Coin<T>): u64
  fun from_balance<T>(Balance<T>, &mut TxContext): Coin<T>
  fun into_balance<T>(Coin<T>): Balance<T>
  entry fun join<T>(&mut Coin<T>, Coin<T>)
  fun split<T>(&mut Coin<T>, u64, &mut TxContext): Coin<T>
  fun divide_into_n<T>(&mut Coin<T>, u64, &mut TxContext): vector<Coin<T>>
  fun zero<T>(&mut TxContext): Coin<T>
  fun destroy_zero<T>(Coin<T>)

module sui::transfer
  fun public_transfer<T: key + store>(T, address)
  fun public_freeze_object<T: key + store>(T)
  fun public_share_object<T: key + store>(T)

module wal::wal
  fun burn(&mut ProtectedTreasury, Coin<WAL>, &mut TxContext)
  fun total_supply(&ProtectedTreasury): u64

module walrus::storage_resource
  fun start_epoch(&Storage): u32
  fun end_epoch(&Storage): u32
  fun size(&Storage): u64
  fun split_by_epoch(&mut Storage, u32, &mut TxContext): Storage
  fun split_by_size(&mut Storage, u64, &mut TxContext): Storage
  fun fuse_periods(&mut Storage, Storage)
  fun fuse_amount(&mut Storage, Storage)
  fun fuse(&mut Storage, Storage)
  fun destroy(Storage)

module walrus::encoding
  fun encoded_blob_length(u64, u8, u16): u64

module walrus::metadata
  fun new(): Metadata
  fun insert_or_update(&mut Metadata, String, String)
  fun remove(&mut Metadata, &String): (String, String)
  fun remove_if_exists(&mut Metadata, &String): Option<String>

module walrus::blob
  fun object_id(&Blob): ID
  fun registered_epoch(&Blob): u32
  fun blob_id(&Blob): u256
  fun size(&Blob): u64
  fun encoding_type(&Blob): u8
  fun certified_epoch(&Blob): &Option<u32>
  fun storage(&Blob): &Storage
  fun is_deletable(&Blob): bool
  fun encoded_size(&Blob, u16): u64
  fun end_epoch(&Blob): u32
  fun derive_blob_id(u256, u8, u64): u256
  fun burn(Blob)
  fun add_metadata(&mut Blob, Metadata)
  fun add_or_replace_metadata(&mut Blob, Metadata): Option<Metadata>
  fun take_metadata(&mut Blob): Metadata
  fun insert_or_update_metadata_pair(&mut Blob, String, String)
  fun remove_metadata_pair(&mut Blob, &String): (String, String)
  fun remove_metadata_pair_if_exists(&mut Blob, &String): Option<String>

module walrus::shared_blob
  fun new(Blob, &mut TxContext)
  fun new_funded(Blob, Coin<WAL>, &mut TxContext)
  fun fund(&mut SharedBlob, Coin<WAL>)
  fun extend(&mut SharedBlob, &mut System, u32, &mut TxContext)
  fun blob(&SharedBlob): &Blob
  fun funds(&SharedBlob): &Balance<WAL>

module walrus::auth
  fun authenticate_sender(&TxContext): Authenticated
  fun authenticate_with_object<T: key>(&T): Authenticated
  fun authorized_address(address): Authorized
  fun authorized_object(ID): Authorized

module walrus::storage_pool
  fun start_epoch(&StoragePool): u32
  fun end_epoch(&StoragePool): u32
  fun reserved_encoded_capacity_bytes(&StoragePool): u64
  fun used_encoded_bytes(&StoragePool): u64
  fun available_encoded_bytes(&StoragePool): u64
  fun storage(&StoragePool): &Storage
  fun blob_count(&StoragePool): u64
  fun contains_blob(&StoragePool, u256): bool
  fun blob_object_id(&StoragePool, u256): ID
  fun object_id(&StoragePool): ID
  fun destroy(StoragePool): Storage
  fun add_blob_metadata(&mut StoragePool, u256, Metadata)
  fun add_or_replace_blob_metadata(&mut StoragePool, u256, Metadata): Option<Metadata>
  fun take_blob_metadata(&mut StoragePool, u256): Metadata
  fun insert_or_update_blob_metadata_pair(&mut StoragePool, u256, String, String)
  fun remove_blob_metadata_pair(&mut StoragePool, u256, &String): (String, String)
  fun remove_blob_metadata_pair_if_exists(&mut StoragePool, u256, &String): Option<String>

module walrus::storage_accounting
  fun max_epochs_ahead(&FutureAccountingRingBuffer): u32
  fun ring_lookup(&FutureAccountingRingBuffer, u32): &FutureAccounting
  fun epoch(&FutureAccounting): u32
  fun used_capacity(&FutureAccounting): u64
  fun rewards(&FutureAccounting): u64

module walrus::system
  fun future_accounting(&System): &FutureAccountingRingBuffer
  fun create_storage_pool(&mut System, u64, u32, &mut Coin<WAL>, &mut TxContext): StoragePool
  fun create_storage_pool_with_storage(&System, Storage, &mut TxContext): StoragePool
  fun register_pooled_blob(&mut System, &mut StoragePool, u256, u256, u64, u8, bool, &mut Coin<WAL>, &mut TxContext)
  fun certify_pooled_blob(&System, &mut StoragePool, u256, vector<u8>, vector<u8>, vector<u8>)
  fun delete_pooled_blob(&System, &mut StoragePool, u256)
  fun burn_expired_pooled_blob(&System, &mut StoragePool, u256)
  fun extend_storage_pool(&mut System, &mut StoragePool, u32, &mut Coin<WAL>)
  fun increase_storage_pool_capacity(&mut System, &mut StoragePool, u64, &mut Coin<WAL>)
  fun increase_storage_pool_capacity_with_storage(&System, &mut StoragePool, Storage)
  fun decrease_storage_pool_capacity_by_size(&System, &mut StoragePool, u64, &mut TxContext): Storage
  fun decrease_storage_pool_unused_capacity_by_percent(&System, &mut StoragePool, u8, &mut TxContext): Storage
  fun certify_event_blob(&mut System, &mut StorageNodeCap, u256, u256, u64, u8, u64, u32, &mut TxContext)
  fun add_subsidy(&mut System, Coin<WAL>, u32)
  fun add_per_epoch_subsidies(&mut System, vector<Balance<WAL>>)
  fun epoch(&System): u32
  fun total_capacity_size(&System): u64
  fun used_capacity_size(&System): u64
  fun n_shards(&System): u16
  fun version(&System): u64
  fun reserve_space(&mut System, u64, u32, &mut Coin<WAL>, &mut TxContext): Storage
  fun reserve_space_for_epochs(&mut System, u64, u32, u32, &mut Coin<WAL>, &mut TxContext): Storage
  fun register_blob(&mut System, Storage, u256, u256, u64, u8, bool, &mut Coin<WAL>, &mut TxContext): Blob
  fun certify_blob(&System, &mut Blob, vector<u8>, vector<u8>, vector<u8>)
  fun delete_blob(&System, Blob): Storage
  fun extend_blob(&mut System, &mut Blob, u32, &mut Coin<WAL>)
  fun extend_blob_with_resource(&System, &mut Blob, Storage)
  fun invalidate_blob_id(&System, vector<u8>, vector<u8>, vector<u8>): u256
  fun register_deny_list_update(&mut System, &StorageNodeCap, u256, u64)
  fun update_deny_list(&mut System, &mut StorageNodeCap, vector<u8>, vector<u8>, vector<u8>)
  fun delete_deny_listed_blob(&System, vector<u8>, vector<u8>, vector<u8>)
  fun update_protocol_version(&mut System, &StorageNodeCap, vector<u8>, vector<u8>, vector<u8>)

module walrus::storage_node
  fun node_id(&StorageNodeCap): ID
  fun last_epoch_sync_done(&StorageNodeCap): u32
  fun deny_list_root(&StorageNodeCap): u256
  fun deny_list_sequence(&StorageNodeCap): u64
  fun id(&StorageNodeInfo): ID
  fun last_event_blob_attestation(&mut StorageNodeCap): Option<EventBlobAttestation>

module walrus::node_metadata
  fun new(String, String, String): NodeMetadata
  fun image_url(&NodeMetadata): String
  fun project_url(&NodeMetadata): String
  fun description(&NodeMetadata): String
  fun set_image_url(&mut NodeMetadata, String)
  fun set_project_url(&mut NodeMetadata, String)
  fun set_description(&mut NodeMetadata, String)
  fun set_extra_fields(&mut NodeMetadata, VecMap<String, String>)
  fun extra_fields(&NodeMetadata): &VecMap<String, String>

module walrus::staked_wal
  fun node_id(&StakedWal): ID
  fun value(&StakedWal): u64
  fun activation_epoch(&StakedWal): u32
  fun is_staked(&StakedWal): bool
  fun is_withdrawing(&StakedWal): bool
  fun withdraw_epoch(&StakedWal): u32
  fun join(&mut StakedWal, StakedWal)
  fun split(&mut StakedWal, u64, &mut TxContext): StakedWal

module walrus::staking
  fun epoch(&Staking): u32
  fun committee(&Staking): &Committee
  fun previous_committee(&Staking): &Committee
  fun compute_next_committee(&Staking): Committee
  fun node_metadata(&Staking, ID): NodeMetadata
  fun calculate_rewards(&Staking, ID, u64, u32, u32): u64
  fun can_withdraw_staked_wal_early(&Staking, &StakedWal): bool
  fun register_candidate(&mut Staking, String, String, NodeMetadata, vector<u8>, vector<u8>, vector<u8>, u16, u64, u64, u64, &mut TxContext): StorageNodeCap
  fun set_next_commission(&mut Staking, &StorageNodeCap, u16)
  fun collect_commission(&mut Staking, ID, Authenticated, &mut TxContext): Coin<WAL>
  fun set_commission_receiver(&mut Staking, ID, Authenticated, Authorized)
  fun set_governance_authorized(&mut Staking, ID, Authenticated, Authorized)
  fun set_storage_price_vote(&mut Staking, &StorageNodeCap, u64)
  fun set_write_price_vote(&mut Staking, &StorageNodeCap, u64)
  fun set_node_capacity_vote(&mut Staking, &StorageNodeCap, u64)
  fun set_next_public_key(&mut Staking, &StorageNodeCap, vector<u8>, vector<u8>, &mut TxContext)
  fun set_name(&mut Staking, &StorageNodeCap, String)
  fun set_network_address(&mut Staking, &StorageNodeCap, String)
  fun set_network_public_key(&mut Staking, &StorageNodeCap, vector<u8>)
  fun set_node_metadata(&mut Staking, &StorageNodeCap, NodeMetadata)
  fun update_prices(&mut Staking, &mut System)
  fun add_commission_to_pools(&mut Staking, vector<ID>, vector<Balance<WAL>>)
  fun voting_end(&mut Staking, &Clock)
  fun initiate_epoch_change(&mut Staking, &mut System, &Clock)
  fun initiate_epoch_change_v2(&mut Staking, &mut System, &mut ProtectedTreasury, &Clock, &mut TxContext)
  fun epoch_sync_done(&mut Staking, &mut StorageNodeCap, u32, &Clock)
  fun stake_with_pool(&mut Staking, Coin<WAL>, ID, &mut TxContext): StakedWal
  fun request_withdraw_stake(&mut Staking, &mut StakedWal, &mut TxContext)
  fun withdraw_stake(&mut Staking, StakedWal, &mut TxContext): Coin<WAL>
  fun try_join_active_set(&mut Staking, &StorageNodeCap)
  private entry fun set_migration_epoch(&mut Staking)

module walrus::slashing
  fun vote_for_slashing(&mut SlashingManager, &Staking, Authenticated, ID, ID)
  fun execute_slashing(&mut SlashingManager, &mut Staking, &mut ProtectedTreasury, ID, &mut TxContext)
  fun cleanup_slashing_proposals(&mut SlashingManager, &Staking, vector<ID>)

module walrus::upgrade
  fun vote_for_upgrade(&mut UpgradeManager, &Staking, Authenticated, ID, vector<u8>)
  fun cleanup_upgrade_proposals(&mut UpgradeManager, &Staking, vector<vector<u8>>)
  fun authorize_upgrade(&mut UpgradeManager, &Staking, vector<u8>): UpgradeTicket
  fun authorize_emergency_upgrade(&mut UpgradeManager, &EmergencyUpgradeCap, vector<u8>): UpgradeTicket
  fun commit_upgrade(&mut UpgradeManager, &mut Staking, &mut System, UpgradeReceipt)
  fun burn_emergency_upgrade_cap(EmergencyUpgradeCap)

module walrus::init
  fun initialize_walrus(InitCap, UpgradeCap, u64, u64, u16, u32, &Clock, &mut TxContext): EmergencyUpgradeCap
  fun migrate(&mut Staking, &mut System)
  private entry fun migrate_v2(&mut Staking, &mut System, &mut TxContext)

module walrus::committee
  fun shards(&Committee, &ID): &vector<u16>
  fun size(&Committee): u64
  fun inner(&Committee): &VecMap<ID, vector<u16>>
  fun to_inner(&Committee): VecMap<ID, vector<u16>>

module walrus::extended_field
  fun new<T: store>(T, &mut TxContext): ExtendedField<T>
  fun borrow<T: store>(&ExtendedField<T>): &T
  fun borrow_mut<T: store>(&mut ExtendedField<T>): &mut T
  fun swap<T: store>(&mut ExtendedField<T>, T): T
  fun destroy<T: store>(ExtendedField<T>): T

module walrus::apportionment_queue
  fun new<T>(): ApportionmentQueue<T>
  fun pop_max<T>(&mut ApportionmentQueue<T>): (UQ64_64, u64, T)
  fun insert<T>(&mut ApportionmentQueue<T>, UQ64_64, u64, T)

module wal_exchange::wal_exchange
  fun new(&mut TxContext): AdminCap
  fun new_funded(&mut Coin<WAL>, u64, &mut TxContext): AdminCap
  fun new_exchange_rate(u64, u64): ExchangeRate
  fun add_wal(&mut Exchange, &mut Coin<WAL>, u64)
  fun add_sui(&mut Exchange, &mut Coin<SUI>, u64)
  fun add_all_wal(&mut Exchange, Coin<WAL>)
  fun add_all_sui(&mut Exchange, Coin<SUI>)
  fun withdraw_wal(&mut Exchange, &AdminCap, u64, &mut TxContext): Coin<WAL>
  fun withdraw_sui(&mut Exchange, &AdminCap, u64, &mut TxContext): Coin<SUI>
  fun set_exchange_rate(&mut Exchange, &AdminCap, u64, u64)
  fun exchange_all_for_wal(&mut Exchange, Coin<SUI>, &mut TxContext): Coin<WAL>
  fun exchange_for_wal(&mut Exchange, &mut Coin<SUI>, u64, &mut TxContext): Coin<WAL>
  fun exchange_all_for_sui(&mut Exchange, Coin<WAL>, &mut TxContext): Coin<SUI>
  fun exchange_for_sui(&mut Exchange, &mut Coin<WAL>, u64, &mut TxContext): Coin<SUI>

module subsidies::subsidies
  fun new(ID, &mut TxContext): AdminCap
  fun new_with_initial_rates_and_funds(ID, u16, u16, Coin<WAL>, &mut TxContext): AdminCap
  fun add_funds(&mut Subsidies, Coin<WAL>)
  fun withdraw_balance(&mut Subsidies, &AdminCap, u64, &mut TxContext): Coin<WAL>
  fun set_buyer_subsidy_rate(&mut Subsidies, &AdminCap, u16)
  fun set_system_subsidy_rate(&mut Subsidies, &AdminCap, u16)
  fun admin_cap_subsidies_id(&AdminCap): ID
  fun subsidy_pool_value(&Subsidies): u64
  fun buyer_subsidy_rate(&Subsidies): u16
  fun system_subsidy_rate(&Subsidies): u16
  private entry fun migrate(&mut Subsidies, &System)
  fun reserve_space(&mut Subsidies, &mut System, u64, u32, &mut Coin<WAL>, &mut TxContext): Storage
  fun extend_blob(&mut Subsidies, &mut System, &mut Blob, u32, &mut Coin<WAL>, &mut TxContext)
  fun register_blob(&mut Subsidies, &mut System, Storage, u256, u256, u64, u8, bool, &mut Coin<WAL>, &mut TxContext): Blob

module walrus_subsidies::walrus_subsidies
  fun new(&System, &Staking, u32, u64, u64, &mut TxContext): AdminCap
  fun add_coin(&mut WalrusSubsidies, Coin<WAL>)
  fun add_balance(&mut WalrusSubsidies, Balance<WAL>)
  fun process_subsidies(&mut WalrusSubsidies, &mut Staking, &mut System, &Clock)
  fun set_system_subsidy_rate(&mut WalrusSubsidies, &AdminCap, u32)
  fun set_base_subsidy(&mut WalrusSubsidies, &AdminCap, u64)
  fun set_per_shard_subsidy(&mut WalrusSubsidies, &AdminCap, u64)
  fun migrate(&mut WalrusSubsidies)

module blob_bucket::blob_bucket
  fun new(&mut System, u64, u32, &mut Coin<WAL>, &mut TxContext): BlobBucketCap
  fun bucket_id(&BlobBucketCap): ID
  fun storage_pool_id(&BlobBucket): ID
  fun register_blob(&mut BlobBucket, &BlobBucketCap, &mut System, u256, u256, u64, u8, bool, &mut Coin<WAL>, &mut TxContext)
  fun certify_blob(&mut BlobBucket, &System, u256, vector<u8>, vector<u8>, vector<u8>)
  fun delete_blob(&mut BlobBucket, &BlobBucketCap, &System, u256)
  fun extend_storage_pool(&mut BlobBucket, &BlobBucketCap, &mut System, u32, &mut Coin<WAL>)
  fun increase_storage_pool_capacity(&mut BlobBucket, &BlobBucketCap, &mut System, u64, &mut Coin<WAL>)
`;
