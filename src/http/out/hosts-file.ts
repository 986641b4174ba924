import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { systemClock } from '#base/clock.ts'

/** An address, and for how many seconds it is one. */
export type TimedAddress = { address: string; ttl: number }

const path = '/etc/hosts'
const ttl = 10

/** The names that this machine knows by itself, which DNS need not know. */
export class HostsFile {
  #read: Promise<ReadonlyMap<string, readonly string[]>> | undefined
  #until = 0

  /** Undefined where the name is not in the file; no addresses where it has none of this family. */
  async find(name: string, family: 4 | 6): Promise<readonly TimedAddress[] | undefined> {
    const now = systemClock.now()
    if (!this.#read || now >= this.#until) {
      this.#until = now + ttl * 1000
      this.#read = readHosts()
    }
    const addresses = (await this.#read).get(name.toLowerCase())
    return addresses?.filter((address) => isIP(address) === family).map((address) => ({ address, ttl }))
  }
}

async function readHosts(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const hosts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const known = hosts.get(name.toLowerCase())
      if (known) known.push(address)
      else hosts.set(name.toLowerCase(), [address])
    }
  }
  return hosts
}
