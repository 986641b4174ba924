import assert from 'node:assert/strict'
import { allEndpoints } from '#api/index.ts'
import { echoBody } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'
import { createRoom } from '../support/rooms/rooms.ts'

const ofBytes = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`
/** What a client may send at most, in kibibytes; who needs more than 64 stands in the next test. */
const sizes = { small: 16, medium: 64, event: 192, large: 1024, transaction: 8192 }

describe('N20 the size of a body', () => {
  it('is large only where a request needs it, and never for strangers', () => {
    const bodies = allEndpoints().filter(({ body, kind, method }) => body || (kind === 'stream' && method !== 'GET'))
    const named = (size: string) => bodies.filter(({ maxBody }) => maxBody === size)
    // What servers send is signed, and one event or the keys of many.
    const ofClients = (size: string) => named(size).filter(({ auth }) => auth !== 'server')
    const paths = (size: string) => ofClients(size).map(({ method, paths: [path] }) => `${method} ${path}`)
    const ofServers = (size: string) =>
      named(size).flatMap(({ auth, method, paths: [path] }) => (auth === 'server' ? `${method} ${path}` : []))
    const strangers = bodies.filter(({ auth }) => auth === 'none' || auth === 'optional')

    assert.deepEqual([...new Set(strangers.map(({ maxBody }) => maxBody))], ['small'])
    assert.deepEqual(paths('event').sort(), [
      'POST /_matrix/client/v3/rooms/:roomId/upgrade',
      'PUT /_matrix/client/v3/profile/:userId/:keyName',
      'PUT /_matrix/client/v3/rooms/:roomId/redact/:eventId/:txnId',
      'PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId',
      'PUT /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey',
    ])
    assert.deepEqual(ofServers('transaction'), ['PUT /_matrix/federation/v1/send/:transactionId'])
    assert.deepEqual(ofServers('large').sort(), [
      'POST /_matrix/federation/v1/user/keys/claim',
      'POST /_matrix/federation/v1/user/keys/query',
      'PUT /_matrix/federation/v1/invite/:roomId/:eventId',
      'PUT /_matrix/federation/v2/invite/:roomId/:eventId',
    ])
    assert.deepEqual(paths('large').sort(), [
      'POST /_matrix/client/v3/createRoom',
      'POST /_matrix/client/v3/keys/claim',
      'POST /_matrix/client/v3/keys/query',
      'POST /_matrix/client/v3/keys/signatures/upload',
      'POST /_matrix/client/v3/keys/upload',
      'PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device',
      'PUT /_matrix/client/v3/room_keys/keys',
      'PUT /_matrix/client/v3/room_keys/keys/:roomId',
      'PUT /_matrix/client/v3/sendToDevice/:eventType/:txnId',
      'PUT /_matrix/client/v3/user/:userId/account_data/:type',
      'PUT /_matrix/client/v3/user/:userId/rooms/:roomId/account_data/:type',
    ])
  })

  it('is refused one byte above its limit, on every endpoint that reads one', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const reading = allEndpoints().filter(({ body, auth }) => body && auth !== 'admin' && auth !== 'server')
    const wrong = []
    for (const { method, paths, maxBody, auth } of reading) {
      const path = (paths[0] ?? '').replaceAll(/:\w+/g, 'x')
      const client = auth === 'none' ? server.anonymous : alice
      const { status, body } = await client.request(method, path, ofBytes(sizes[maxBody] * 1024 + 1))
      if (status !== 413 || body.errcode !== 'M_TOO_LARGE') wrong.push([method, path, status])
    }

    assert.deepEqual(wrong, [])
  })

  it('takes a whole event, with all its letters written as escapes', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/one`
    const text = '\\u044f'.repeat(31_000)
    const { status } = await alice.request('PUT', path, `{"msgtype":"m.text","body":"${text}"}`)

    assert.equal(status, 200)
  })

  it('counts values besides bytes, and is measured before anything is made of it', async () => {
    await using server = await startTestServer({
      endpoints: [echoBody],
      settings: { limits: { json_values: 1024 } },
    })
    const post = async (text: string) => {
      const { status, body } = await server.anonymous.request('POST', '/echo/body', text)
      return [status, body.errcode]
    }
    // The object, its key, the list, and a comma between two items.
    const items = (count: number, item: string) => `{"a":[${Array(count).fill(item).join(',')}]}`
    const atMost = [await post(items(1022, '1')), await post(items(511, '{}').padEnd(1025))]
    const oneMore = [await post(items(1023, '1')), await post(items(512, '{}'))]
    // No JSON at all, and still refused for its size: it was not parsed.
    const unparsed = await post(`{"a":[${'{},'.repeat(1024)}`)
    const commasInText = await post(`{"a":"${',{[:'.repeat(1000)}\\\\"}`)

    assert.deepEqual(atMost, [
      [200, undefined],
      [200, undefined],
    ])
    assert.deepEqual([...oneMore, unparsed], Array(3).fill([413, 'M_TOO_LARGE']))
    assert.deepEqual(commasInText, [200, undefined])
  })
})
