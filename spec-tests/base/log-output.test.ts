import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { LogOutput } from '#base/log-output.ts'

/** An output that can be made to fail, to be full, or to take a part only. */
function outputs() {
  const state = { text: '', room: Infinity, error: undefined as string | undefined }
  const output = new LogOutput((bytes) => {
    if (state.error !== undefined) throw Object.assign(new Error(state.error), { code: state.error })
    if (state.room === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
    const taken = bytes.subarray(0, state.room)
    state.room -= taken.length
    state.text += taken.toString()
    return taken.length
  })
  return { state, output }
}

const withoutTime = (text: string) => text.replace(/"time":"[^"]+",/g, '')
const lost = (count: number) => `{"level":"warn","message":"log lines were lost","count":${count}}\n`

describe('N18 the output of the log', () => {
  it('drops and counts lines while it fails, and says so once it works', () => {
    const { state, output } = outputs()
    output.write('one\n')
    state.error = 'ENOSPC'
    output.write('two\n')
    output.write('three\n')
    const whileFull = output.lost
    state.error = undefined
    output.write('four\n')
    output.write('five\n')

    assert.equal(whileFull, 2)
    assert.equal(withoutTime(state.text), `one\nfour\n${lost(2)}five\n`)
  })

  it('lets lines wait for a slow reader, in order', async () => {
    const { state, output } = outputs()
    state.room = 2
    output.write('one\n')
    output.write('two\n')
    const before = state.text
    state.room = Infinity
    while (state.text.length < 8) await sleep(10)

    assert.equal(before, 'on')
    assert.equal(state.text, 'one\ntwo\n')
    assert.equal(output.lost, 0)
  })

  it('keeps a mebibyte of them at most', async () => {
    const { state, output } = outputs()
    const line = `${'x'.repeat(1023)}\n`
    state.room = 0
    // One more than there is room for, and the first is not counted twice.
    for (let n = 0; n < 1025; n++) output.write(line)
    const waiting = output.lost
    state.room = Infinity
    while (!state.text.includes('lost')) await sleep(10)

    assert.equal(waiting, 1)
    assert.equal(withoutTime(state.text), `${line}${lost(1)}${line.repeat(1023)}`)
  })

  it('begins a new line after one whose end was lost', async () => {
    const { state, output } = outputs()
    state.room = 2
    output.write('one\n')
    state.error = 'EPIPE'
    while (output.lost === 0) await sleep(10)
    state.error = undefined
    state.room = Infinity
    output.write('two\n')

    assert.equal(withoutTime(state.text), `on\ntwo\n${lost(1)}`)
  })
})
