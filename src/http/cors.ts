/** What browsers need on every answer. https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
} as const

/**
 * What answers a preflight: browsers then ask no more for a day at most, which is the longest they remember.
 * Everything may be asked, so nothing is looked up for it.
 */
export const preflightHeaders = { ...corsHeaders, 'access-control-max-age': '86400' } as const
