/** Clients look for exact members, so every version stands here; listing one promises its stable paths. */
export const specVersions: readonly string[] = ['r0.6.1', ...Array.from({ length: 19 }, (_, at) => `v1.${at + 1}`)]

/** Flags that clients test; each is true because the feature is there, and absent otherwise. */
export const unstableFeatures: { readonly [flag: string]: true } = {
  'org.matrix.msc3882': true,
  'uk.tcpip.msc4133': true,
  'uk.tcpip.msc4133.stable': true,
}
