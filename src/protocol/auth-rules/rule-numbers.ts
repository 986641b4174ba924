import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/** Rules in the specification's order; a rule counts only in the versions that have it. */
type Rules = Readonly<Record<string, (version: RoomVersion) => boolean>>

const always = () => true
const restricted = (version: RoomVersion) => version.restricted
const integersOnly = (version: RoomVersion) => version.powerLevelsIntegersOnly

const chapters = {
  create: always,
  room: (version) => version.roomIdIsCreateHash,
  authEvents: always,
  federate: always,
  aliases: (version) => version.aliasesAuthRule,
  member: always,
  joined: always,
  thirdPartyInvite: always,
  requiredLevel: always,
  ownStateKey: always,
  powerLevels: always,
  redaction: (version) => version.redactionAuthRule,
} satisfies Rules

const create = {
  prevEvents: always,
  roomId: always,
  version: always,
  creator: (version) => version.creators === 'content',
  additionalCreators: (version) => version.creators === 'sender-and-additional',
} satisfies Rules

const authEvents = {
  duplicate: always,
  unexpected: always,
  rejected: always,
  create: (version) => !version.roomIdIsCreateHash,
  otherRoom: always,
} satisfies Rules

const member = {
  form: always,
  authoriser: restricted,
  join: always,
  invite: always,
  leave: always,
  ban: always,
  knock: (version) => version.knock,
  unknown: always,
} satisfies Rules

const join = {
  creator: always,
  sender: always,
  banned: always,
  invited: always,
  restricted,
  public: always,
  otherwise: always,
} satisfies Rules

const powerLevels = {
  integers: integersOnly,
  maps: integersOnly,
  users: always,
  creators: (version) => version.creatorsOutrankAll,
  first: always,
  levels: always,
  oldEvents: always,
  newEvents: always,
  oldUsers: always,
  newUsers: always,
} satisfies Rules

/** The number of a top-level rule in the version. */
export const chapter = (name: keyof typeof chapters, version: RoomVersion) => `${numberOf(chapters, name, version)}`

export const createRule = (name: keyof typeof create, version: RoomVersion) =>
  `${chapter('create', version)}.${numberOf(create, name, version)}`

export const authEventsRule = (name: keyof typeof authEvents, version: RoomVersion) =>
  `${chapter('authEvents', version)}.${numberOf(authEvents, name, version)}`

export const memberRule = (name: keyof typeof member, version: RoomVersion) =>
  `${chapter('member', version)}.${numberOf(member, name, version)}`

export const joinRule = (name: keyof typeof join, version: RoomVersion) =>
  `${memberRule('join', version)}.${numberOf(join, name, version)}`

export const powerLevelsRule = (name: keyof typeof powerLevels, version: RoomVersion) =>
  `${chapter('powerLevels', version)}.${numberOf(powerLevels, name, version)}`

function numberOf(rules: Rules, name: string, version: RoomVersion): number {
  const present = Object.keys(rules).filter((rule) => rules[rule]?.(version))
  return present.indexOf(name) + 1
}
