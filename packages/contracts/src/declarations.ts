/**
 * What can be called, as Move declares it ({@link parseDeclarations} reads it): the Walrus functions for storage, blobs,
 * attributes, shared blobs and certificates, and those of the framework that transactions use. Walrus rules: the
 * function tables of storage resource, blobs, and signed messages.
 */
export const DECLARATIONS = `
module std::option
  struct Option<T> has copy, drop, store
  fun none<T>(): Option<T>
  fun some<T>(T): Option<T>
  fun is_none<T>(&Option<T>): bool
  fun is_some<T>(&Option<T>): bool
  fun destroy_none<T>(Option<T>)
  fun destroy_some<T>(Option<T>): T

module std::string
  struct String has copy, drop, store
  fun utf8(vector<u8>): String

module sui::object
  struct ID has copy, drop, store
  struct UID has store

module sui::tx_context
  struct TxContext has drop

module sui::clock
  struct Clock has key
  fun timestamp_ms(&Clock): u64

module sui::sui
  struct SUI has drop

module sui::balance
  struct Balance<phantom T> has store
  fun value<T>(&Balance<T>): u64
  fun zero<T>(): Balance<T>
  fun join<T>(&mut Balance<T>, Balance<T>): u64
  fun split<T>(&mut Balance<T>, u64): Balance<T>
  fun withdraw_all<T>(&mut Balance<T>): Balance<T>
  fun destroy_zero<T>(Balance<T>)

module sui::coin
  struct Coin<phantom T> has key, store
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
  struct WAL has drop

module walrus::storage_resource
  struct Storage has key, store
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
  struct Metadata has drop, store
  fun new(): Metadata
  fun insert_or_update(&mut Metadata, String, String)
  fun remove(&mut Metadata, &String): (String, String)
  fun remove_if_exists(&mut Metadata, &String): Option<String>

module walrus::blob
  struct Blob has key, store
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
  struct SharedBlob has key, store
  fun new(Blob, &mut TxContext)
  fun new_funded(Blob, Coin<WAL>, &mut TxContext)
  fun fund(&mut SharedBlob, Coin<WAL>)
  fun extend(&mut SharedBlob, &mut System, u32, &mut TxContext)
  fun blob(&SharedBlob): &Blob
  fun funds(&SharedBlob): &Balance<WAL>

module walrus::system
  struct System has key
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
  struct StorageNodeCap has key, store
  fun node_id(&StorageNodeCap): ID
  fun last_epoch_sync_done(&StorageNodeCap): u32
  fun deny_list_root(&StorageNodeCap): u256
  fun deny_list_sequence(&StorageNodeCap): u64

module walrus::staked_wal
  struct StakedWal has key, store

module walrus::staking
  struct Staking has key
  fun epoch(&Staking): u32
  fun stake_with_pool(&mut Staking, Coin<WAL>, ID, &mut TxContext): StakedWal
`;
