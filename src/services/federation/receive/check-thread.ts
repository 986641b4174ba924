import { serveJobs } from '#base/threads/thread.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { checkEvent } from './check-event.ts'
import type { CheckJob, JobResult } from './check-threads.ts'
import { verifyAll, type VerifyJob } from './verify-aside.ts'
import type { FindKey, ServerKey } from '#services/remote/server-key.ts'

// Runs the first checks of events in a thread of its own. Of each set of events, a key is asked for once.
let keys: { set: number; found: Map<string, Promise<ServerKey | undefined>> } = { set: 0, found: new Map() }

serveJobs(async (given, ask): Promise<JobResult[] | boolean[]> => {
  if ('signatures' in (given as CheckJob | VerifyJob)) return verifyAll(given as VerifyJob)
  const { set, roomId, versionId, values } = given as CheckJob
  const version = roomVersion(versionId)
  if (!version) throw new Error(`The room has the unknown version ${versionId}`)
  if (keys.set !== set) keys = { set, found: new Map() }
  const { found } = keys
  const findKey: FindKey = (server, keyId) => {
    const name = `${server} ${keyId}`
    const key = found.get(name) ?? (ask({ server, keyId }) as Promise<ServerKey | undefined>)
    found.set(name, key)
    return key
  }
  const results: JobResult[] = []
  for (const value of values) {
    const one = await checkEvent(findKey, value, { roomId, version })
    if ('violation' in one) results.push(undefined)
    else results.push({ eventId: one.eventId, redacted: (one.pdu as unknown) === value ? undefined : one.pdu })
  }
  return results
})
