import assert from 'node:assert/strict'
import type { Store } from '#store/open.ts'
import { createRoom, sendText } from '../../support/rooms/rooms.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'
import type { UserId } from '#protocol/ids.ts'

const hour = 3_600_000
const day = 24 * hour

describe('upkeep', () => {
  it('collects tokens, sessions, nonces and permits within an hour of their end, and none before', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const expiresAt = server.clock.now() + 2 * hour
    await insertExpiring(store, expiresAt)
    await pass(server, hour)
    const before = await present(store)
    await pass(server, 2 * hour)

    assert.deepEqual(before, { login: true, openid: true, session: true, permit: true })
    assert.deepEqual(await present(store), { login: false, openid: false, session: false, permit: false })
    assert.equal(await store.accounts.registrationNonces.use('nonce', 0), false)
  })

  it('forgets transaction ids of messages and to-device messages after a day', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    await sendText(alice, roomId, 'hello', 'txn')
    const sent = () => store.rooms.events.listTransactions(alice, 10)
    const toDevice = { userId: alice.userId, deviceId: alice.deviceId, type: 'm.test', transactionId: 'txn' }
    await store.e2ee.toDevice.begin(toDevice, server.clock.now())
    await pass(server, 23 * hour)
    const kept = [(await sent()).length > 0, await store.e2ee.toDevice.begin(toDevice, server.clock.now())]
    await pass(server, 2 * hour)

    assert.deepEqual(kept, [true, false])
    assert.deepEqual(await sent(), [])
    assert.equal(await store.e2ee.toDevice.begin(toDevice, server.clock.now()), true)
  })

  it('forgets refresh tokens a week after their revocation, and registration tokens a month after their end', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const now = server.clock.now()
    const refresh = { userId: '@a:test' as const, deviceId: 'D', accessHash: 'x', createdAt: 0, replaces: undefined }
    const token = { token: undefined, usesAllowed: undefined, uses: 0, grantsAdmin: false, createdAt: 0 }
    const ages = { old: 0, young: 3 * hour, endless: undefined }
    for (const [tokenHash, age] of Object.entries(ages)) {
      const ago = (life: number) => (age === undefined ? undefined : now - life + age)
      await store.accounts.refreshTokens.insert({ ...refresh, tokenHash, revokedAt: ago(7 * day) })
      await store.accounts.registrationTokens.insert({ ...token, tokenHash, expiresAt: ago(30 * day) })
    }
    await pass(server, 2 * hour)
    const left = []
    for (const tokenHash of Object.keys(ages))
      left.push([
        await store.accounts.refreshTokens.find(tokenHash),
        await store.accounts.registrationTokens.find(tokenHash),
      ])

    assert.deepEqual(
      left.map((pair) => pair.map((one) => one !== undefined)),
      [
        [false, false],
        [true, true],
        [true, true],
      ],
    )
  })

  it('deletes the key backups of accounts that ended', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const backup = { version: 1, algorithm: 'm.test', authData: '{}', etag: 0, keyCount: 0, isDeleted: false }
    const users = [await server.register('alice'), await server.register('bob')]
    for (const { userId } of users) await store.e2ee.keyBackups.insert({ ...backup, userId })
    await store.accounts.accounts.deactivate(users[0]!.userId, { at: server.clock.now(), erase: false })
    await pass(server, hour)
    const left = await Promise.all(users.map(({ userId }) => store.e2ee.keyBackups.current(userId)))

    assert.deepEqual(
      left.map((one) => one?.userId),
      [undefined, users[1]!.userId],
    )
  })

  it('keeps one change of device lists for all devices of a user that are long gone', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const { userId, deviceId } = await server.register('alice')
    const changed = (devices: string[]) => devices.map((id) => ({ userId, deviceId: id }))
    const elsewhere = { userId: '@bob:elsewhere' as const, deviceId: 'B' }
    await store.e2ee.deviceLists.record([...changed(['GONE1', deviceId]), elsewhere], 1)
    await store.e2ee.deviceLists.record(changed(['GONE2']), 2)
    await store.e2ee.deviceLists.record(changed(['GONE3']), 5)
    await store.transaction((tx) => tx.e2ee.deviceLists.mergeDeleted(5))

    assert.deepEqual(await store.e2ee.deviceLists.listAfter(0, 10), [
      { userId, deviceId, position: 1 },
      { ...elsewhere, position: 1 },
      { userId, deviceId: '', position: 2 },
      { userId, deviceId: 'GONE3', position: 5 },
    ])
  })
})

async function insertExpiring(store: Store, expiresAt: number): Promise<void> {
  const userId: UserId = '@a:test'
  await store.accounts.loginTokens.insert({ tokenHash: 'login', userId, expiresAt })
  await store.accounts.openidTokens.insert('openid', userId, expiresAt)
  await store.accounts.registrationNonces.insert('nonce', expiresAt)
  await store.e2ee.crossSigning.permitReplacement(userId, expiresAt)
  const session = { userId, operation: 'POST /', flows: [], sealedBody: '', completed: {} }
  await store.accounts.interactiveSessions.insert({ ...session, sessionHash: 'session', expiresAt })
}

/** Whether the rows are there, valid or not. */
const present = async (store: Store) => ({
  login: (await store.accounts.loginTokens.find('login')) !== undefined,
  openid: (await store.accounts.openidTokens.find('openid', 0)) !== undefined,
  session: (await store.accounts.interactiveSessions.find('session', 0)) !== undefined,
  permit: (await store.e2ee.crossSigning.mayReplaceUntil('@a:test')) !== 0,
})

/** Lets time pass, and what is due at its end be done. */
async function pass({ clock, settle }: TestServer, ms: number): Promise<void> {
  await clock.advance(ms - hour)
  for (let step = 0; step < 6; step++) {
    await settle()
    await clock.advance(hour / 6)
  }
  await settle()
}
