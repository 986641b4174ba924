// Who may import whom: the layer rules of ARCHITECTURE.md, run by `npm run lint` and by spec-tests/architecture.
const layers = {
  protocol: [],
  base: [],
  store: ['base', 'protocol'],
  bus: ['base', 'protocol', 'store'],
  jobs: ['base', 'protocol', 'store', 'bus'],
  http: ['base', 'protocol'],
  services: ['base', 'protocol', 'jobs'],
  api: ['base', 'protocol', 'http', 'services'],
  integrations: ['base', 'protocol', 'http', 'services'],
}
// Services take the store from their context; they may name its types.
const typesOnly = (layer) => (layer === 'services' || layer === 'integrations' ? ['store', 'bus'] : [])
// A domain may import the domains listed before it, never those after it.
const domains = [
  'accounts',
  'media',
  'remote',
  'rooms',
  'presence',
  'e2ee',
  'push',
  'federation',
  'appservices',
  'sync',
  'admin',
  'maintenance',
]
// What code outside of `services/rooms` may import from it: whole folders of verbs, and single files.
const publicRooms = [
  '(account-rooms|directory|ephemeral|membership|purge|read|upgrade)/',
  'write/(append|create|redact|send|set-state)\\.ts',
  'live/(live-room|load-state-entries)\\.ts',
  'state/state-at-position\\.ts',
  'events/(event-loader|stored-pdu)\\.ts',
]
// Taking in events of other servers, and making some with them, are the other ways of writing one: they share the parts
// that write/ is made of.
const roomsForFederation = [
  '(events|state)/',
  'live/(room-turn|stale-room|next-state|state-entry)\\.ts',
  'write/(build-event|draft-event|persist-history|persist-received|policy-port|redactions)\\.ts',
]
const rooms = 'src/services/rooms'
const seesOfRooms = (name, from, files) => ({
  name,
  from,
  to: { path: `^${rooms}/`, pathNot: `^${rooms}/(${files.join('|')})` },
})
const only = (name, home, module) => ({ name, from: { path: '^src/', pathNot: home }, to: { path: module } })

module.exports = {
  forbidden: [
    { name: 'no cycles, types included', from: {}, to: { circular: true } },
    { name: 'protocol is pure', from: { path: '^src/protocol/' }, to: { pathNot: '^src/protocol/|^(node:)?crypto$' } },
    ...Object.entries(layers).map(([layer, below]) => ({
      name: `${layer} imports downwards`,
      from: { path: `^src/${layer}/` },
      to: { path: '^src/', pathNot: `^src/(${[layer, ...below, ...typesOnly(layer)].join('|')})/|^src/context\\.ts$` },
    })),
    ...['services', 'integrations'].map((layer) => ({
      name: `${layer} knows the store by its types alone`,
      from: { path: `^src/${layer}/` },
      // The topics of the bus are values.
      to: { path: '^src/(store|bus)/', pathNot: '^src/bus/topics\\.ts$', dependencyTypesNot: ['type-only'] },
    })),
    ...domains.map((domain, rank) => ({
      name: `${domain} imports lower domains`,
      from: { path: `^src/services/${domain}/` },
      to: { path: `^src/services/(${domains.slice(rank + 1).join('|') || '-'})/` },
    })),
    seesOfRooms(
      'rooms are used through their public parts',
      { path: '^src/(api|integrations|services)/', pathNot: `^${rooms}/|^src/services/federation/` },
      publicRooms,
    ),
    seesOfRooms('federation uses what rooms share with it', { path: '^src/services/federation/' }, [
      ...publicRooms,
      ...roomsForFederation,
    ]),
    seesOfRooms('commands also check rooms', { path: '^src/cli/' }, [
      ...publicRooms,
      'verify/',
      'live/live-rooms\\.ts',
    ]),
    {
      name: 'live rooms are made by live',
      from: { path: '^src/', pathNot: `^${rooms}/live/` },
      to: { path: `^${rooms}/live/live-room\\.ts`, dependencyTypesNot: ['type-only'] },
    },
    only('live rooms are committed by write', `^${rooms}/(live|write)/`, `^${rooms}/live/commit-events\\.ts`),
    only('knex stays in store', '^src/store/', '^node_modules/knex'),
    only('koa stays in http', '^src/http/', '^node_modules/(koa|@koa|find-my-way)'),
  ].map((rule) => ({ severity: 'error', ...rule })),
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
