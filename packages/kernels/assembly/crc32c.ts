/** CRC-32C (Castagnoli, reflected 0x82f63b78), eight bytes a step by eight tables. */

const TABLES: usize = memory.data(8 * 1024, 16);
let ready: bool = false;

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    store<u32>(TABLES + (byte << 2), crc);
  }
  for (let byte: u32 = 0; byte < 256; byte += 1) {
    let crc = load<u32>(TABLES + (byte << 2));
    for (let table: u32 = 1; table < 8; table += 1) {
      crc = (crc >>> 8) ^ load<u32>(TABLES + ((crc & 255) << 2));
      store<u32>(TABLES + (table << 10) + (byte << 2), crc);
    }
  }
  ready = true;
}

// @ts-ignore: decorator
@inline
function at(table: u32, byte: u32): u32 {
  return load<u32>(TABLES + (table << 10) + (byte << 2));
}

/** CRC of what `crc` covered followed by `size` bytes at `data`; 0 to begin. */
export function crc32c(data: usize, size: usize, crc: u32): u32 {
  if (!ready) fillTables();
  crc = ~crc;
  const end = data + size;
  for (; data + 8 <= end; data += 8) {
    const low = load<u32>(data) ^ crc;
    const high = load<u32>(data, 4);
    crc =
      at(7, low & 255) ^ at(6, (low >>> 8) & 255) ^ at(5, (low >>> 16) & 255) ^ at(4, low >>> 24) ^
      at(3, high & 255) ^ at(2, (high >>> 8) & 255) ^ at(1, (high >>> 16) & 255) ^ at(0, high >>> 24);
  }
  for (; data < end; data += 1) crc = (crc >>> 8) ^ at(0, (crc ^ load<u8>(data)) & 255);
  return ~crc;
}
