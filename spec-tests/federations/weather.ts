import type { ServerName } from '#protocol/ids.ts'
import type { FederationAnswer, FederationRequest } from '#services/remote/transport.ts'
import type { Interceptor } from '../support/federation/network.ts'
import { SeededRandom } from '../support/generators/seeded-random.ts'

/** How likely what happens to a request. */
type Odds = {
  /** It is lost. */
  lost?: number
  /** Its answer is lost. */
  unanswered?: number
  /** It arrives twice. */
  twice?: number
  /** It arrives long after its sender gave up. */
  late?: number
}

/** Kinds of weather, by the choice of a step. */
const climates: readonly Odds[] = [
  {},
  { lost: 0.4 },
  { unanswered: 0.4 },
  { twice: 0.6 },
  { late: 0.4 },
  { lost: 0.1, unanswered: 0.15, twice: 0.2, late: 0.15 },
  { unanswered: 0.2, twice: 0.4 },
  { lost: 0.2, late: 0.3 },
]

type Late = () => Promise<void>

/** What the network does to requests between servers: by chance that repeats itself, request by request of each link. */
export class Weather {
  #odds: Odds = {}
  #seed = 0
  #hidesMembers = false
  readonly #links = new Map<string, SeededRandom>()
  #late: Late[] = []

  /** Clear weather, and other chance than before. */
  begin(seed: number): void {
    this.#seed = seed
    this.#odds = {}
    this.#hidesMembers = false
    this.#links.clear()
    this.#late = []
  }

  change(choice: number): void {
    this.#odds = climates[choice % climates.length]!
  }

  /** No server gets what joins leave out. */
  hideMembers(areHidden: boolean): void {
    this.#hidesMembers = areHidden
  }

  /** What was held back arrives, in another order than it was sent. */
  async deliverLate(): Promise<void> {
    const late = new SeededRandom(this.#seed).shuffled(this.#late.splice(0))
    for (const deliver of late) await deliver()
  }

  readonly interceptor: Interceptor = async (from, request, send) => {
    if (this.#hidesMembers && isOfState(request)) throw new Error('The request was lost')
    const { lost = 0, unanswered = 0, twice = 0, late = 0 } = this.#odds
    let left = this.#chanceOf(from, request.destination).next()
    // Transactions suffer most: they are what is sent again until it has arrived.
    const isTransaction = request.uri.startsWith('/_matrix/federation/v1/send/')
    if (!isTransaction) left *= 2
    if ((left -= lost) < 0) throw new Error('The request was lost')
    if ((left -= unanswered) < 0) {
      await send(request)
      throw new Error('The answer was lost')
    }
    if (!isTransaction) return send(request)
    if ((left -= twice) < 0) return sendTwice(request, send)
    if ((left -= late) >= 0) return send(request)
    // The sender's signal may have ended by then.
    this.#late.push(() => ignoringFailure(send({ ...request, signal: undefined })))
    throw new Error('No answer came in time')
  }

  #chanceOf(from: ServerName, to: ServerName): SeededRandom {
    const name = `${from} ${to}`
    const known = this.#links.get(name)
    if (known) return known
    let mixed = this.#seed
    for (const character of name) mixed = Math.imul(mixed ^ character.charCodeAt(0), 0x01000193)
    const chance = new SeededRandom(mixed)
    this.#links.set(name, chance)
    return chance
  }
}

const isOfState = ({ uri }: FederationRequest): boolean => /^\/_matrix\/federation\/v1\/state(_ids)?\//.test(uri)

async function sendTwice(
  request: FederationRequest,
  send: (request: FederationRequest) => Promise<FederationAnswer>,
): Promise<FederationAnswer> {
  const [answer] = await Promise.all([send(request), ignoringFailure(send(request))])
  return answer
}

const ignoringFailure = (sending: Promise<unknown>): Promise<void> =>
  sending.then(
    () => {},
    () => {},
  )
