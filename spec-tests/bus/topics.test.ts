import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import * as topics from '#bus/topics.ts'
import { localBus } from '#bus/local.ts'

const src = new URL('../../src/', import.meta.url)
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && path !== 'bus/topics.ts')
  .map((path) => ({ path, text: readFileSync(new URL(path, src), 'utf8') }))

/** Files that call a method of a bus with a topic, without their ending. */
const callers = (method: 'publish' | 'subscribe', topic: string): string[] =>
  sources
    .filter(({ text }) => new RegExp(`bus\\.${method}\\((topics\\.)?${topic},`).test(text))
    .map(({ path }) => path.replace(/\.ts$/, ''))

/** The folders or files that the comment above a topic names as its publishers or listeners. */
function named(topic: string, role: 'From' | 'Listeners'): string[] {
  const text = readFileSync(new URL('bus/topics.ts', src), 'utf8')
  const comment =
    text
      .slice(0, text.indexOf(`export const ${topic} `))
      .split('/**')
      .at(-1) ?? ''
  const [, list = ''] = new RegExp(`${role}: ([^.]+)\\.`).exec(comment.replaceAll(/\n \*/g, '')) ?? []
  return list.split(',').map((name) => name.trim())
}

describe('topics of the bus', () => {
  const names = Object.keys(topics) as (keyof typeof topics)[]

  it('are all published and listened to, by whom their comment names', () => {
    assert.ok(names.length > 10)
    for (const topic of names)
      for (const [method, role] of [
        ['publish', 'From'],
        ['subscribe', 'Listeners'],
      ] as const) {
        const found = callers(method, topic)
        const claimed = named(topic, role)
        assert.ok(found.length > 0, `${topic}: nobody calls ${method}`)
        const isIn = (file: string, place: string) => file === place || file.startsWith(`${place}/`)
        for (const file of found)
          assert.ok(
            claimed.some((place) => isIn(file, place)),
            `${topic}: ${file} is not named`,
          )
        for (const place of claimed)
          assert.ok(
            found.some((file) => isIn(file, place)),
            `${topic}: ${place} does not ${method}`,
          )
      }
  })

  it('have names of their own', () => {
    assert.equal(new Set(names.map((name) => topics[name].name)).size, names.length)
  })
})

describe('the bus of one process', () => {
  it('calls every listener of the topic until it unsubscribes', () => {
    const bus = localBus()
    const heard: string[] = []
    const end = bus.subscribe(topics.sessionsChanged, ({ userId }) => heard.push(`one ${userId}`))
    bus.subscribe(topics.sessionsChanged, ({ userId }) => heard.push(`two ${userId}`))
    bus.subscribe(topics.roomHidden, ({ roomId }) => heard.push(roomId))

    bus.publish(topics.sessionsChanged, { userId: '@alice:test' })
    end()
    bus.publish(topics.sessionsChanged, { userId: '@bob:test' })

    assert.deepEqual(heard, ['one @alice:test', 'two @alice:test', 'two @bob:test'])
  })

  it('lets a listener that fails stop neither the others nor the publisher', () => {
    const failures: unknown[] = []
    const bus = localBus({ error: (message, fields) => void failures.push([message, fields?.topic]) })
    const heard: string[] = []
    bus.subscribe(topics.sessionsChanged, () => {
      throw new Error('a fault')
    })
    bus.subscribe(topics.sessionsChanged, ({ userId }) => heard.push(userId))

    bus.publish(topics.sessionsChanged, { userId: '@alice:test' })

    assert.deepEqual(heard, ['@alice:test'])
    assert.deepEqual(failures, [['a listener of the bus failed', 'sessions.changed']])
  })
})
