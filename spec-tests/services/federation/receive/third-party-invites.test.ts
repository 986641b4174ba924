import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { EventId, ServerName, UserId } from '#protocol/ids.ts'
import { redact } from '#protocol/events/redaction.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent, signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { alice, only, openScene, type Scene } from '../../../support/generators/scene.ts'
import { member, message, state } from '../../../support/generators/acts.ts'
import { keyOf } from '../../../support/generators/server-keys.ts'

const mallory: UserId = '@mallory:s3.test'
const identityServer = keyOf('identity.test')
const claim = { mxid: mallory, token: 'token' }

/** An invite in alice's name which mallory's server made; nothing has signed it yet. */
function inviteOf(scene: Scene, thirdParty: JsonObject): Pdu {
  const pdu = scene.make(member(alice, mallory, 'invite', { third_party_invite: thirdParty }))
  return { ...pdu, ...(pdu.event_id && { event_id: `$made:s3.test` as EventId }), signatures: {} }
}

/** Signs without mending the hash. */
function signedBy(server: ServerName | undefined, pdu: Pdu, { room }: Scene): Pdu {
  if (server === undefined) return pdu
  const { signatures } = signJson(redact(pdu, room.version) as unknown as JsonObject, keyOf(server))
  return { ...pdu, signatures }
}

describe('an invite that calls itself a third-party invite', function () {
  this.timeout(20_000)
  const forms: JsonObject[] = [{}, { signed: {} }, { signed: claim }]
  for (const { id } of roomVersions) {
    it(`T26 forges no other invite by a wrong hash, in room version ${id}`, async () => {
      await using scene = await openScene(id, { joinRule: 'invite' })
      for (const form of forms)
        for (const signer of [undefined, 's3.test']) {
          const forged = signedBy(signer, { ...inviteOf(scene, form), hashes: { sha256: 'AAAA' } }, scene)
          const { outcome } = await scene.receive(forged)
          assert.notEqual(outcome, 'accepted', JSON.stringify(form))
          // What redaction takes away has excused nothing.
          if (!redact(forged, scene.room.version).content.third_party_invite) assert.equal(outcome, 'dropped')
        }
      assert.equal(await scene.entry('m.room.member', mallory), undefined)
    })

    it(`T26 forges none as the past of another event, in room version ${id}`, async () => {
      await using scene = await openScene(id, { joinRule: 'invite' })
      const hollow = { ...inviteOf(scene, {}), hashes: { sha256: 'AAAA' } }
      const forged = signedBy('s3.test', hollow, scene)
      const forgedId = eventId(forged, scene.room.version)
      scene.answer(only(forged))
      const place = { prevs: [forgedId], authState: scene.room.replay.stateBefore([scene.forwardExtremity]) }
      scene.room.replay.events.set(forgedId, forged)
      const child = scene.make(message(alice), place)
      await scene.receive(child)
      assert.equal(await scene.entry('m.room.member', mallory), undefined)
    })

    it(`is taken in when it is one, though its sender's server did not sign it, in room version ${id}`, async () => {
      await using scene = await openScene(id, { joinRule: 'invite' })
      const offer = { display_name: 'm...', public_key: encodePublicKey(identityServer.publicKey) }
      const { outcome } = await scene.send(state(alice, 'm.room.third_party_invite', offer, 'token'))
      assert.equal(outcome, 'accepted')
      const unsigned = inviteOf(scene, { display_name: 'm...', signed: signJson(claim, identityServer) })
      const invite = signEvent(unsigned, scene.room.version, keyOf('s3.test'))
      assert.equal((await scene.receive(invite)).outcome, 'accepted')
      assert.equal(await scene.entry('m.room.member', mallory), eventId(invite, scene.room.version))
    })
  }
})
