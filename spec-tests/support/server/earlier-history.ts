import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { randomUUID } from 'node:crypto'
import { loadConfig } from '#base/config/load.ts'
import type { Context } from '#context.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import type { FederationTransport } from '#services/remote/transport.ts'
import { startServer } from '#server.ts'
import { openStore } from '#store/open.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { findTestKey, silent } from '../federation/receive-needs.ts'
import { sendJoinAnswer } from '../federation/send-join-answer.ts'
import { member, state } from '../generators/acts.ts'
import { openedRoom } from '../generators/opened-room.ts'
import { createRoom, join, leave, putState, redact, roomPath, sendRelated, sendText } from '../rooms/rooms.ts'
import { crossSigningOf, deviceKeysOf, oneTimeKeysOf } from './device-crypto.ts'
import { accepted, loginUser, registerUser, type TestReply, type TestUser } from './client.ts'
import { fakeClock } from './clock.ts'

const v3 = '/_matrix/client/v3'
const segment = encodeURIComponent

/** How many rooms it leaves behind; those that a test makes have higher numbers. */
const earlierRooms = 4

/** The rooms that a test has made, as they lie on disk. */
export async function newRooms({ rooms }: Pick<Context['store'], 'rooms'>): Promise<StoredRoom[]> {
  return (await rooms.rooms.list()).filter(({ nid }) => nid > earlierRooms)
}

/** Migrates a database, and lets a server live over it unless it is to be new. */
export async function fillDatabase(database: { url: string; folder: string }, isNew: boolean): Promise<void> {
  if (!isNew) return writeEarlierHistory(database)
  const store = await openStore({ url: database.url, poolSize: 1, now: () => 0 })
  await store.close()
}

/** The key of the server that wrote the earlier history: it goes with the database, as its data folder does. */
export const writeSigningKey = (folder: string): Promise<void> =>
  writeFile(path.join(folder, 'signing.key'), 'ed25519 a_test RWFybGllciBoaXN0b3J5IG9mIGV2ZXJ5IHRlc3QhISE\n', {
    mode: 0o600,
  })

/** The other servers have taken what was sent to them: in no test something waits for them. */
const acknowledging: FederationTransport = {
  send: async () => ({ status: 200, headers: {}, body: Buffer.from('{"pdus":{}}') }),
  close: async () => {},
}

/**
 * Lets a server live over a database for a while, a year before any test: so that in none of them the first room is
 * number one, or the numbers of rooms, events, state keys, receipts and devices agree.
 */
async function writeEarlierHistory({ url, folder }: { url: string; folder: string }): Promise<void> {
  const settings = {
    server_name: 'test',
    data_dir: folder,
    listen: { port: 0 },
    database: { url, pool_size: 2 },
    registration: { mode: 'open', shared_secret: randomUUID() },
    accounts: { password_hash_memory_kib: 64 },
    rate_limits: { enabled: false },
    logging: { level: 'silent' },
  }
  await writeSigningKey(folder)
  const clock = fakeClock(Date.UTC(2025, 0, 1))
  const server = await startServer(loadConfig({ settings }), { clock, transport: acknowledging })
  try {
    const ada = await registerUser(server.url, 'earlier.ada')
    const ben = await registerUser(server.url, 'earlier.ben')
    await loginUser(server.url, 'earlier.ada')
    await talk(ada, ben)
    await keepData(ada)
    await exchangeKeys(ada, ben)
    await takePartElsewhere(server.context, ada.userId as UserId)
    await server.settle()
    if ((await newRooms(server.context.store)).length > 0)
      throw new Error('There are more earlier rooms than they count')
  } finally {
    await server.close()
  }
}

/** Three rooms, of which the users leave one, with every kind of thing that an event can bring. */
async function talk(ada: TestUser, ben: TestUser): Promise<void> {
  const roomIds: RoomId[] = []
  for (const name of ['one', 'two', 'three']) {
    const roomId = await createRoom(ada, { name, invite: [ben.userId], room_alias_name: `earlier.${name}` })
    roomIds.push(roomId)
    accepted(await join(ben, roomId))
  }
  for (const [index, roomId] of roomIds.entries()) {
    const first = await sendText(ben, roomId, 'first')
    const second = await sendRelated(ben, roomId, { relType: 'm.thread', parentId: first, body: 'second' })
    accepted(await redact(ben, roomId, second))
    for (let n = 0; n < 5; n++) accepted(await putState(ada, roomId, ['org.example.earlier', `${n}`], { n, index }))
    accepted(await ada.request('POST', roomPath(roomId, 'receipt', 'm.read', first), {}))
  }
  for (const user of [ben, ada]) accepted(await leave(user, roomIds[0]!))
}

async function keepData(ada: TestUser): Promise<void> {
  const user = `/user/${segment(ada.userId)}`
  await call(ada, 'PUT', `/profile/${segment(ada.userId)}/displayname`, { displayname: 'Ada' })
  for (const type of ['org.example.one', 'org.example.two'])
    await call(ada, 'PUT', `${user}/account_data/${type}`, { type })
  await call(ada, 'POST', `${user}/filter`, { room: { timeline: { limit: 3 } } })
  await call(ada, 'POST', `${user}/openid/request_token`, {})
  await call(ada, 'POST', '/pushers/set', {
    app_id: 'org.example', pushkey: 'earlier', kind: 'http', app_display_name: 'App', device_display_name: 'Device', lang: 'en',
    data: { url: 'https://push.example.org/_matrix/push/v1/notify' },
  }) // prettier-ignore
}

async function exchangeKeys(ada: TestUser, ben: TestUser): Promise<void> {
  for (const user of [ada, ben])
    await call(user, 'POST', '/keys/upload', {
      device_keys: deviceKeysOf(user),
      one_time_keys: oneTimeKeysOf(user, [1, 2, 3]),
    })
  await call(ben, 'POST', '/keys/device_signing/upload', crossSigningOf(ben.userId).body)
  const backup = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: {} }
  const { version } = await call(ben, 'POST', '/room_keys/version', backup)
  const session = { first_message_index: 1, forwarded_count: 0, is_verified: true, session_data: {} }
  await call(ben, 'PUT', `/room_keys/keys/!earlier/session?version=${version}`, session)
  for (const txn of ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    await call(ben, 'PUT', `/sendToDevice/org.example.earlier/${txn}`, {
      messages: { [ada.userId]: { [ada.deviceId]: { txn } } },
    })
}

/** A room of another server that the user joins, and that forks: events without position, branches, a redaction that comes too early. */
async function takePartElsewhere(context: Context, us: UserId): Promise<void> {
  const room = openedRoom('11', { creator: '@earlier.eve:s9.test', roomId: '!earlier:s9.test', levels: null })
  const eve = room.create.sender
  const join = room.add(member(us, us, 'join'))
  const ctx = { ...context, findKey: findTestKey, missingEvents: silent }
  const outcomes = [await importSendJoin(ctx, sendJoinAnswer(room, join))]
  const branches = [1, 2].map((n) => room.add(state(eve, 'org.example.branch', { n }, `${n}`), { prevs: [join] }))
  const redaction = { type: 'm.room.redaction', sender: eve, content: { redacts: '$earlier' } }
  branches.push(room.add(redaction, { prevs: branches }))
  for (const id of branches)
    outcomes.push(await receiveEvent(ctx, { origin: 's9.test', roomId: room.roomId, pdu: room.json(id) }))
  if (outcomes.some(({ outcome }) => outcome !== 'accepted')) throw new Error(JSON.stringify(outcomes))
}

const call = async (user: TestUser, method: string, path: string, body: unknown): Promise<TestReply['body']> =>
  accepted(await user.request(method, v3 + path, body))
