/** In rooms with so few other servers EDUs go at once. */
const fewServers = 25
const perServerMs = 20
const longestMs = 5000

/** How long what is ephemeral waits for more to go with it: the transactions of one large room are about 50 a second. */
export const lingerMs = (servers: number): number =>
  servers <= fewServers ? 0 : Math.min(longestMs, servers * perServerMs)
