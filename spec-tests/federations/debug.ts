import { openServers } from './servers.ts'
import { runPlan } from './run.ts'
await using servers = openServers()
const plan = JSON.parse(process.argv[2]!)
const inner = servers.network.interceptor!
servers.network.interceptor = async (from, request, send) => {
  const answer = await inner(from, request, send).catch((e: unknown) => {
    console.log(from, request.destination, request.method, request.uri.slice(0, 160), String(e))
    throw e
  })
  const short = request.body?.slice(0, Number(process.env.LEN ?? 300))
  console.log(
    from,
    '->',
    request.destination,
    request.method,
    request.uri.slice(0, 160),
    short ?? '',
    answer.status,
    Buffer.from(answer.body)
      .toString()
      .slice(0, Number(process.env.LEN ?? 300)),
  )
  return answer
}
console.log(await runPlan(servers, plan))
