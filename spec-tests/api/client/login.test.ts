import assert from 'node:assert/strict'
import { testPassword } from '../../support/client.ts'
import { startTestServer } from '../../support/server.ts'

const login = '/_matrix/client/v3/login'

describe('login', () => {
  it('lists the password first, and nothing that would need a browser', async () => {
    await using server = await startTestServer()
    const { status, body } = await server.anonymous.request('GET', login)
    const types = body.flows.map((flow: { type: string }) => flow.type)
    assert.equal(status, 200)
    assert.equal(types[0], 'm.login.password')
    assert.ok(!types.includes('m.login.sso'))
    assert.equal(body.flows.find((flow: { type: string }) => flow.type === 'm.login.token').get_login_token, true)
  })
})
