import {
  redactionRulesV1,
  redactionRulesV11,
  redactionRulesV6,
  redactionRulesV8,
  redactionRulesV9,
  type RedactionRules,
} from '#protocol/events/redaction-rules.ts'

/** What a room version decides, as data. https://spec.matrix.org/v1.19/rooms/ */
export type RoomVersion = {
  id: string
  stable: boolean
  /** How events point at others: as pairs of id and hash and with their own id on the wire (v1), or by id (v3). */
  eventFormat: 'v1' | 'v3'
  /** How events are named: by their origin, or by their reference hash in standard or URL-safe base64. */
  eventIds: 'chosen-by-origin' | 'hash' | 'url-safe'
  stateResolution: 'v1' | 'v2' | 'v2.1'
  redaction: RedactionRules
  /** Whether `redacts` stands in the content of a redaction. */
  redactsInContent: boolean
  /** Whether the auth rules judge redactions themselves (rule 11 of versions 1 and 2). */
  redactionAuthRule: boolean
  /** Whether a signing key must have been valid when the event was sent. */
  enforceKeyValidity: boolean
  /** Whether events must keep to canonical JSON; older rooms may hold fractions. */
  enforceCanonicalJson: boolean
  /** Whether the fields of events are limited in bytes alone; older rooms may hold longer ones of few code points. */
  limitsFieldBytes: boolean
  /** Whether `m.room.aliases` has an auth rule of its own. */
  aliasesAuthRule: boolean
  /** Whether changes of `notifications` in the power levels are checked. */
  notificationsPowerCheck: boolean
  knock: boolean
  restricted: boolean
  knockRestricted: boolean
  /** Whether power levels must be integers, and not also strings that spell one. */
  powerLevelsIntegersOnly: boolean
  /** Who counts as creator: the create event's `creator`, its sender, or its sender and `additional_creators`. */
  creators: 'content' | 'sender' | 'sender-and-additional'
  /** Whether creators stand above every power level. */
  creatorsOutrankAll: boolean
  /** Whether the room id is the hash of the create event, which then is no auth event. */
  roomIdIsCreateHash: boolean
}

const v1: RoomVersion = {
  id: '1',
  stable: true,
  eventFormat: 'v1',
  eventIds: 'chosen-by-origin',
  stateResolution: 'v1',
  redaction: redactionRulesV1,
  redactsInContent: false,
  redactionAuthRule: true,
  enforceKeyValidity: false,
  enforceCanonicalJson: false,
  limitsFieldBytes: false,
  aliasesAuthRule: true,
  notificationsPowerCheck: false,
  knock: false,
  restricted: false,
  knockRestricted: false,
  powerLevelsIntegersOnly: false,
  creators: 'content',
  creatorsOutrankAll: false,
  roomIdIsCreateHash: false,
}

const v2: RoomVersion = { ...v1, id: '2', stateResolution: 'v2' }

const v3: RoomVersion = { ...v2, id: '3', eventFormat: 'v3', eventIds: 'hash', redactionAuthRule: false }

const v4: RoomVersion = { ...v3, id: '4', eventIds: 'url-safe' }

const v5: RoomVersion = { ...v4, id: '5', enforceKeyValidity: true }

const v6: RoomVersion = {
  ...v5,
  id: '6',
  redaction: redactionRulesV6,
  enforceCanonicalJson: true,
  aliasesAuthRule: false,
  notificationsPowerCheck: true,
}

const v7: RoomVersion = { ...v6, id: '7', knock: true }

const v8: RoomVersion = { ...v7, id: '8', restricted: true, redaction: redactionRulesV8 }

const v9: RoomVersion = { ...v8, id: '9', redaction: redactionRulesV9 }

const v10: RoomVersion = { ...v9, id: '10', knockRestricted: true, powerLevelsIntegersOnly: true }

const v11: RoomVersion = {
  ...v10,
  id: '11',
  limitsFieldBytes: true,
  redaction: redactionRulesV11,
  redactsInContent: true,
  creators: 'sender',
}

const v12: RoomVersion = {
  ...v11,
  id: '12',
  stateResolution: 'v2.1',
  creators: 'sender-and-additional',
  creatorsOutrankAll: true,
  roomIdIsCreateHash: true,
}

/** Every version we can take part in, oldest first. */
export const roomVersions: readonly RoomVersion[] = [v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12]

/** The version of new rooms. */
export const defaultRoomVersion = '12'

const byId: ReadonlyMap<string, RoomVersion> = new Map(roomVersions.map((version) => [version.id, version]))

/** The rules of a version, undefined when we do not know it. */
export function roomVersion(id: string): RoomVersion | undefined {
  return byId.get(id)
}
