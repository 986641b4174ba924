/** Clients look for exact members, so every version is listed; listing one promises its stable paths. */
export const specVersions: readonly string[] = ['r0.6.1', ...Array.from({ length: 19 }, (_, at) => `v1.${at + 1}`)]

/** Flags that clients test; each is true because the feature is there, and absent otherwise. */
export const unstableFeatures: { readonly [flag: string]: true } = {
  'org.matrix.e2e_cross_signing': true,
  'org.matrix.msc2285.stable': true,
  'org.matrix.msc3030': true,
  'org.matrix.msc3030.stable': true,
  'org.matrix.msc3440.stable': true,
  'org.matrix.msc3715': true,
  'org.matrix.msc3771': true,
  'org.matrix.msc3773': true,
  'org.matrix.msc3827.stable': true,
  'org.matrix.msc3856': true,
  'org.matrix.msc3882': true,
  'org.matrix.msc3952_intentional_mentions': true,
  'org.matrix.msc3981': true,
  'uk.tcpip.msc4133': true,
  'uk.tcpip.msc4133.stable': true,
}
