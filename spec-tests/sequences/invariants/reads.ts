import type { TestUser } from '../../support/server/client.ts'
import type { SyncEvent } from '../../support/server/sync.ts'
import { client } from '../acts/act.ts'
import { difference, type Report } from '../report.ts'
import type { Person, World } from '../world.ts'

type Thread = { count: number; latest_event: { event_id: string } }

/** Whatever asks for events of a room shows the same ones to the same reader, in the same words. */
export async function readsAgree(world: World, person: Person, report: Report): Promise<void> {
  for (const { roomId } of world.rooms) {
    const timeline = await readAll(person.fresh, roomId)
    if (!timeline) continue
    const reader = new Reader(person, { roomId, timeline, report })
    reader.isSparedTheIgnored(timeline, '/messages')
    await reader.checkThreads()
    await reader.checkRelations()
    await reader.checkSingleEvents(world)
  }
}

type Reading = { roomId: string; timeline: SyncEvent[]; report: Report }

class Reader {
  readonly #person: Person
  readonly #roomId: string
  readonly #shown: Map<string, SyncEvent>
  readonly #report: Report

  constructor(person: Person, { roomId, timeline, report }: Reading) {
    this.#person = person
    this.#roomId = roomId
    this.#shown = new Map(timeline.map((event) => [event.event_id, event]))
    this.#report = report
  }

  isSparedTheIgnored(events: readonly SyncEvent[], what: string): void {
    for (const { event_id: id, sender, state_key: key } of events)
      if (key === undefined && this.#person.ignored.includes(sender))
        this.#fail(`${what} shows ${id} of ${sender}, whom the reader ignores`)
  }

  async checkThreads(): Promise<void> {
    const { body } = await this.#get(`${client.replace('v3', 'v1')}/rooms/${this.#part}/threads?limit=100`)
    for (const root of (body.chunk ?? []) as SyncEvent[]) {
      const shown = this.#shown.get(root.event_id)
      if (shown) this.#isSame(shown, root, '/threads')
      else this.#fail(`/threads lists ${root.event_id}, which /messages does not show`)
    }
  }

  /** Bundles count what /relations lists, which is shown by /messages. */
  async checkRelations(): Promise<void> {
    for (const [eventId, event] of this.#shown) {
      const thread = (event.unsigned?.['m.relations'] as { 'm.thread'?: Thread } | undefined)?.['m.thread']
      const replies = this.#timelineOf(eventId)
      if (!thread && replies.length === 0) continue
      const path = `${client.replace('v3', 'v1')}/rooms/${this.#part}/relations/${encodeURIComponent(eventId)}`
      const { body } = await this.#get(`${path}/m.thread?limit=100`)
      const listed = ((body.chunk ?? []) as SyncEvent[]).filter((reply) => !isRedacted(reply))
      this.isSparedTheIgnored(listed, '/relations')
      this.#equal([ids(listed), ids(replies)], `/relations of ${eventId} <> /messages`)
      // State events get no bundles.
      if (event.state_key !== undefined) continue
      this.#equal([thread?.count ?? 0, listed.length], `count in the bundle of ${eventId} <> /relations`)
      this.#equal([thread?.latest_event.event_id, listed[0]?.event_id], `latest_event of ${eventId} <> /relations`)
    }
  }

  async checkSingleEvents({ rooms }: World): Promise<void> {
    const { events = [] } = rooms.find(({ roomId }) => roomId === this.#roomId) ?? {}
    for (const eventId of events) {
      const path = `${client}/rooms/${this.#part}/event/${encodeURIComponent(eventId)}`
      const { status, body } = await this.#get(path)
      const shown = this.#shown.get(eventId)
      if (shown && status !== 200) this.#fail(`/event answers ${status} for ${eventId}, which /messages shows`)
      else if (shown) this.#isSame(shown, body as SyncEvent, '/event')
      else if (status === 200 && !this.#person.ignored.includes(body.sender))
        this.#fail(`/event shows ${eventId}, which /messages does not`)
    }
  }

  /** Replies in a thread that /messages shows, the newest first. */
  #timelineOf(rootId: string): SyncEvent[] {
    return [...this.#shown.values()].filter(({ content }) => {
      const relation = content['m.relates_to'] as { rel_type?: string; event_id?: string } | undefined
      return relation?.rel_type === 'm.thread' && relation.event_id === rootId
    })
  }

  #isSame(one: SyncEvent, other: SyncEvent, what: string): void {
    this.#equal([told(one), told(other)], `${one.event_id} in /messages <> ${what}`)
  }

  #equal([one, other]: [unknown, unknown], what: string): void {
    const found = difference(one, other)
    if (found !== undefined) this.#fail(`${what} at ${found}`)
  }

  #fail(message: string): void {
    this.#report('reads', `${this.#person.name} in ${this.#roomId}: ${message}`)
  }

  get #part(): string {
    return encodeURIComponent(this.#roomId)
  }

  #get(path: string) {
    return this.#person.fresh.request('GET', path)
  }
}

const ids = (events: readonly SyncEvent[]) => events.map(({ event_id: id }) => id)

const isRedacted = ({ unsigned }: SyncEvent): boolean => unsigned?.['redacted_because'] !== undefined

const told = ({ type, sender, content, unsigned }: SyncEvent) => ({
  type,
  sender,
  content,
  relations: unsigned?.['m.relations'],
})

/** The whole timeline as the reader sees it, the newest first; undefined when they may not. */
async function readAll(user: TestUser, roomId: string): Promise<SyncEvent[] | undefined> {
  const path = `${client}/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`
  const events: SyncEvent[] = []
  let from: string | undefined
  for (let page = 0; page < 50; page++) {
    const { status, body } = await user.request('GET', from === undefined ? path : `${path}&from=${from}`)
    if (status !== 200) return undefined
    events.push(...body.chunk)
    if (body.end === undefined) return events
    from = body.end as string
  }
  throw new Error('The pages of /messages do not end')
}
