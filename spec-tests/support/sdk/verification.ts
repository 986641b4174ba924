import assert from 'node:assert/strict'
import {
  VerificationPhase,
  VerificationRequestEvent,
  VerifierEvent,
  type ShowSasCallbacks,
  type VerificationRequest,
  type Verifier,
} from 'matrix-js-sdk/lib/crypto-api/index.js'
import { deadlineMs, type SdkClient } from '../server/sdk-client.ts'

/** Both sides of a verification by emoji: who asked, and who accepts and compares. */
export async function verifyByEmoji(asking: Promise<VerificationRequest>, asked: SdkClient): Promise<void> {
  const request = await within('the request', asking)
  const received = await asked.until('the arrival of the request', () => asked.verifications[0])
  await within('the acceptance', received.accept())
  await within(
    'readiness',
    reached(request, () => request.phase === VerificationPhase.Ready),
  )
  const verifier = await within('the start', request.startVerification('m.sas.v1'))
  await within(
    'the arrival of the start',
    reached(received, () => received.verifier !== undefined),
  )
  const [one, other] = [compare(verifier), compare(received.verifier!)]
  const [shown, seen] = await within('the emoji', Promise.all([one.shown, other.shown]))
  assert.deepEqual(shown.sas.emoji, seen.sas.emoji)
  await within('the confirmations', Promise.all([shown.confirm(), seen.confirm()]))
  await within('the end of the verification', Promise.all([one.verified, other.verified]))
}

/** A step that hangs is named, and everything is put away. */
export async function within<T>(what: string, step: Promise<T>): Promise<T> {
  const tooLate = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    console.error(`Waited in vain for ${what}`)
    tooLate.reject(new Error(`Waited in vain for ${what}`))
  }, deadlineMs)
  try {
    return await Promise.race([step, tooLate.promise])
  } finally {
    clearTimeout(timer)
  }
}

function reached(request: VerificationRequest, look: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!look()) return
      request.off(VerificationRequestEvent.Change, check)
      resolve()
    }
    request.on(VerificationRequestEvent.Change, check)
    check()
  })
}

function compare(verifier: Verifier): { shown: Promise<ShowSasCallbacks>; verified: Promise<void> } {
  const shown = new Promise<ShowSasCallbacks>((resolve) => verifier.once(VerifierEvent.ShowSas, resolve))
  return { shown, verified: verifier.verify() }
}
