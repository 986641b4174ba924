import type { EventId } from '#protocol/ids.ts'
import type { Act } from '../../../support/generators/acts.ts'
import { always, by, checkRules, type Expectation } from '../../../support/generators/rule-cases.ts'

const bob = '@bob:two'

const redaction = (eventId: string, redacts?: string): Act => ({
  ...by(bob, { type: 'm.room.redaction', event_id: eventId as EventId }),
  ...(redacts !== undefined && { redacts: redacts as EventId }),
})
const refused: Expectation = { '1-2': '11.3', '3-12': 'allowed' }

const rows: [it: string, draft: Act, level: number, expect: Expectation][] = [
  ['may miss its target at the redact level', redaction('$r:two'), 50, always],
  ['may not miss its target below', redaction('$r:two'), 49, refused],
  ['may not be aimed at an id without domain', redaction('$r:two', '$x'), 49, refused],
  ['may not be aimed at an id whose domain is empty', redaction('$r:two', '$x:'), 49, refused],
  ['may be aimed at an event of another server at the redact level', redaction('$r:two', '$x:one'), 50, always],
  ['may not be aimed at an event of another server below', redaction('$r:two', '$x:one'), 49, refused],
  ['may be aimed at an event of the same server', redaction('$r:two', '$x:two'), 0, always],
  ['is compared by the port too', redaction('$r:two', '$x:two:8448'), 0, refused],
  ['is compared by the domain of its id, not by that of its sender', redaction('$r:one', '$x:one'), 0, always],
  ["is not compared by its sender's domain", redaction('$r:one', '$x:two'), 0, refused],
]

checkRules(
  'a redaction',
  rows.map(([it, event, level, expect]) => ({ it, event, levels: { redact: 50, users: { [bob]: level } }, expect })),
  { members: { [bob]: 'join' } },
)
