import type { ServiceRecord } from '#base/outgoing.ts'
import type { Tokens } from '#base/tokens.ts'

/** Of one service; those beyond would not be reached within the time of a request. */
const maxTargets = 8

/**
 * The targets of a service in the order in which they are tried: by priority, and among equals by chance, each as likely
 * as its weight says. https://www.rfc-editor.org/rfc/rfc2782
 */
export function inOrder(records: readonly ServiceRecord[], tokens: Tokens): ServiceRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((one, other) => one - other)
  return priorities
    .flatMap((priority) =>
      drawn(
        records.filter((record) => record.priority === priority),
        tokens,
      ),
    )
    .slice(0, maxTargets)
}

function drawn(records: readonly ServiceRecord[], tokens: Tokens): ServiceRecord[] {
  // Those without weight come first, and so are chosen first almost never.
  const left = records.toSorted((one, other) => one.weight - other.weight)
  const order: ServiceRecord[] = []
  while (left.length > 0) {
    const sum = left.reduce((total, { weight }) => total + weight, 0)
    let ticket = (tokens.bytes(4).readUInt32BE() / 2 ** 32) * (sum + 1)
    const at = left.findIndex(({ weight }) => (ticket -= weight) < 1)
    order.push(...left.splice(Math.max(at, 0), 1))
  }
  return order
}
