import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// Answers every transaction, as a program of its own: `node stub-servers.ts`. Prints its port.
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end('{"pdus":{}}')
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
