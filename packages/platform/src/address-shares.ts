/**
 * A number of places, or bytes, of which no network address has more than its part: one client that takes all it can
 * leaves room for the others.
 */
export class AddressShares {
  readonly #total: number;
  readonly #perAddress: number;
  readonly #taken = new Map<string, number>();
  #sum = 0;

  /** @param share of `total`, above 0 and up to 1, for one address; at least one place */
  constructor(total: number, share: number) {
    this.#total = total;
    this.#perAddress = Math.max(1, Math.ceil(total * share));
  }

  /**
   * Takes a place, or so many; what it gives back, called once or more, leaves them. Undefined when there are not enough.
   * More than the part of an address is given to one that has none.
   */
  enter(address: string, amount = 1): (() => void) | undefined {
    const count = this.#taken.get(address) ?? 0;
    if (this.#sum + amount > this.#total || (count > 0 && count + amount > this.#perAddress)) return undefined;
    this.#taken.set(address, count + amount);
    this.#sum += amount;
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#sum -= amount;
      const rest = (this.#taken.get(address) as number) - amount;
      if (rest === 0) this.#taken.delete(address);
      else this.#taken.set(address, rest);
    };
  }
}

/**
 * Whom an address stands for: itself, or in IPv6 its network of 64 bits, as one client has all of those. Addresses of IPv4
 * in the form of IPv6 are those of IPv4.
 */
export function addressGroup(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string;
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%', 1)[0] as string).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const gap = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const all = [...first, ...Array<string>(gap).fill('0'), ...last];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Whose share a request takes; nobody's from this machine, where it may be a proxy that stands for many. */
export function sharingAddress(address: string | undefined): string | undefined {
  const group = addressGroup(address);
  return address === undefined || LOCAL.test(group) ? undefined : group;
}

const LOCAL = /^(?:127\.|0:0:0:0::)/;
